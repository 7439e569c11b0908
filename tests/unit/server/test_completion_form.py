"""The old shape of log-probabilities, where a prompt is told with its answer."""

import json

from aigc.server.answers import Choice
from aigc.server.completions.answer import CompletionForm
from aigc.types import TokenLogprob, TopLogprob, Usage


def token(text, logprob, *top):
    rivals = tuple(TopLogprob(token=t, bytes=tuple(t.encode()), logprob=p) for t, p in top)
    return TokenLogprob(token=text, bytes=tuple(text.encode()), logprob=logprob, top=rivals)


def test_the_first_token_of_a_prompt_has_no_number_and_offsets_count_from_it():
    form = CompletionForm("m", 1, 1, logprobs=True)
    choice = Choice(
        text="Zürich is",
        logprobs=[token("Z", None), token("ürich", -1.5, ("oo", -0.5)), token(" is", -0.25, (" is", -0.25))],
        reason="length",
    )
    body = json.loads(form.whole([choice], Usage(prompt_tokens=2, completion_tokens=1, fingerprint="f")))
    assert body["choices"][0]["logprobs"] == {
        "tokens": ["Z", "ürich", " is"],
        "token_logprobs": [None, -1.5, -0.25],
        "top_logprobs": [None, {"oo": -0.5, "ürich": -1.5}, {" is": -0.25}],
        "text_offset": [0, 1, 6],
    }
