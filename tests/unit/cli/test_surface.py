"""The frozen list of commands and options: adding or renaming one is a reviewed edit of this file."""

from __future__ import annotations

from typing import Any

from aigc.cli import commands

SURFACE = """
aigc --debug --version
aigc bench --answer-tokens --json --model/-m --prompt-tokens --repeats --streams --yes/-y
aigc bundle --models-only file names
aigc chat --json --markdown --max-tokens --model/-m --no-stream --schema --seed --system/-s --temperature --top-p --yes/-y prompt
aigc complete --json --max-tokens --model/-m --no-stream --seed --stop --temperature --top-p --yes/-y prompt
aigc doctor --json --settings --verify
aigc edit --format/-f --guidance --json --mask --model/-m --n/-n --output/-o --quality --seed --steps --strength --style photo prompt
aigc embed --dimensions --json --model/-m --yes/-y texts
aigc eval
aigc eval image --guidance --json --model/-m --questions --size --steps
aigc image --format/-f --guidance --json --model/-m --n/-n --output/-o --quality --seed --size/-s --steps --style --transparent prompt
aigc keys
aigc keys create --json name
aigc keys list --json
aigc keys revoke key
aigc list --json
aigc listen --format/-f --language/-l --model/-m --output/-o --prompt --temperature --translate --words --yes/-y file
aigc panorama --format/-f --json --model/-m --n/-n --output/-o --quality --seed --size/-s --style prompt
aigc ps --json
aigc publish --enlarger --into --name --notes --replace run
aigc pull --name/-n source
aigc restore --format/-f --json --mask --model/-m --output/-o --quality --reference --scale --task/-t photo
aigc rm --yes/-y names
aigc search --json words
aigc serve --home --host --json --no-pull --open --port/-p
aigc show --json name
aigc speak --file/-f --format --json --model/-m --output/-o --speed/-s --voice/-v text
aigc train --data --device --from --minutes --pool --run --set --size --workers recipe
aigc unbundle --models-only file
aigc verify --json names
aigc voice --input/-i --json --language/-l --model/-m --no-store --output/-o --speed --system/-s --transcription --voice/-v
"""  # noqa: E501


def lines(command: Any, path: str) -> list[str]:
    context = command.make_context(path, [], resilient_parsing=True)
    names = ["/".join(p.opts) for p in command.get_params(context) if p.name != "help"]
    found = [" ".join([path, *sorted(names)])]
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        found += lines(command.get_command(context, name), f"{path} {name}")
    return found


def test_commands_and_options_are_the_listed_ones() -> None:
    assert sorted(lines(commands.build(), "aigc")) == SURFACE.strip().splitlines()


def test_every_command_teaches_with_a_paragraph_and_examples() -> None:
    from aigc.cli.help import paragraphs

    for name in commands.PLACES:
        texts, examples = paragraphs(commands.load(name).help)
        assert len(texts) >= 1, name
        assert 1 <= len(examples) <= 4, name
        assert all("aigc " in example for example in examples), name


def test_every_option_and_argument_says_what_it_is() -> None:
    def silent(command: Any, path: str) -> list[str]:
        context = command.make_context(path, [], resilient_parsing=True)
        found = [f"{path} {p.name}" for p in command.params if not p.help]
        for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
            found += silent(command.get_command(context, name), f"{path} {name}")
        return found

    assert silent(commands.build(), "aigc") == []
