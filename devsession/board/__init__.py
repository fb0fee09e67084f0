"""One board, one wire, one owner: where the protocol engine meets a link."""
