"""Every transcript, whole, byte by byte, cut in two at every byte, and cut at random."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transcripts import ALL, Device, Transcript, cut, play

transcripts = pytest.mark.parametrize("transcript", ALL, ids=lambda transcript: transcript.name)


@transcripts
def test_whole(transcript: Transcript):
    assert play(transcript, lambda data: [data]) == list(transcript.events)


@transcripts
def test_byte_by_byte(transcript: Transcript):
    assert play(transcript, lambda data: [bytes([byte]) for byte in data]) == list(transcript.events)


@transcripts
def test_cut_at_every_byte(transcript: Transcript):
    longest = max(len(step.data) for step in transcript.steps if isinstance(step, Device))
    for place in range(1, longest):
        assert play(transcript, lambda data, place=place: cut(data, [min(place, len(data))])) == list(
            transcript.events
        )


@given(transcript=st.sampled_from(ALL), places=st.lists(st.integers(0, 1000), max_size=20))
def test_cut_anywhere(transcript: Transcript, places: list[int]):
    assert play(transcript, lambda data: cut(data, places)) == list(transcript.events)
