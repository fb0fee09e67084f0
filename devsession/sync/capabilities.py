"""What a board can do, without ``await``; apart from the other functions, for pydantic takes its time to be imported."""

from devsession.session import capability_cache
from devsession.session import measure as measuring
from devsession.session import probe as probing
from devsession.sync.functions import of_board

measure = of_board(measuring.measure)
probe = of_board(probing.probe)
recall = of_board(capability_cache.recall)
refresh = of_board(capability_cache.refresh)
