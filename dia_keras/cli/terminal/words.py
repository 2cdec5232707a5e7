"""Errors of the library in the words of a command: its options in place of Python's arguments."""

import re

import click

# Arguments of the library's functions that a command's parameters have other names for.
PARAMETERS = {
    "path": "recipe",
    "directory": "out",
    "test": "on_test_set",
    "entry": "name",
    "name": "entry",
    "target": "entry",
    "weights": "file",
}
#: Of one command alone, before those of `PARAMETERS`.
OF_COMMANDS = {
    "convert": {"path": "out"},
    "push": {"path": "folder"},
    "train-detector": {"image_size": "size"},
    "fine-tune": {"image_size": "size", "input_shape": "size"},
    "reproduce": {"input_shape": "image_size"},
}
PHRASES = {
    "one of `dia_keras.zoo.list_models()`": "one that `dia-keras list` shows",
    "'pretrained', None, or": "'pretrained' or",
}


def in_options(message: str, command: click.Command) -> str:
    """Returns an error that speaks of arguments as one that speaks of a command's options.

    `` `source` `` becomes `` `--data` ``, and `Received: source='x'` becomes `Received: --data='x'`. Arguments without
    an option stay as they are. Sentences that begin with "In Python, " are left out.

    Args:
        message: What the error says.
        command: The command.
    """
    options = {parameter.name: _shown(parameter) for parameter in command.params}
    others = PARAMETERS | OF_COMMANDS.get(command.name or "", {})
    options |= {
        argument: options[name] for argument, name in others.items() if name in options and argument not in options
    }
    for phrase, replacement in PHRASES.items():
        message = message.replace(phrase, replacement)
    message = re.sub(r" ?In Python, .*?\.(?= |$)", "", message)
    rule, received, values = message.partition("Received: ")
    rule = re.sub(r"`(\w+)=?`", lambda match: f"`{options.get(match[1], match[1])}`", rule)
    values = re.sub(r"(^|, )(\w+)=", lambda match: f"{match[1]}{options.get(match[2], match[2])}=", values)
    return rule + received + values


def _shown(parameter: click.Parameter) -> str:
    """Returns what a user types for a parameter: the long form of an option, or the name of an argument."""
    return max(parameter.opts, key=len) if isinstance(parameter, click.Option) else parameter.human_readable_name
