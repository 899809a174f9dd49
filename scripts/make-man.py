#!/usr/bin/env python3
"""Writes the manual page martlet(1) from the program's own help.

    martlet --experimental-dump-help | scripts/make-man.py VERSION > martlet.1

The date is that of SOURCE_DATE_EPOCH, or today's.
"""
import datetime
import json
import os
import re
import sys
import textwrap

# What the help does not say. Each entry: term, text.
FILES = [
    ("/etc/martlet/martlet.toml", "Configuration of the service of the Debian package. `martlet config print --defaults` "
     "prints every key with its meaning."),
    ("/var/lib/martlet, ~/.local/state/martlet", "State directory of the service, and of a program started by hand: the "
     "secret that was made on the first start, users and counters, the control socket, copies of what was fetched."),
]
SIGNALS = [
    ("SIGTERM, SIGINT", "Stop: no new clients; sessions may go on for the drain time."),
    ("SIGHUP", "Read the configuration and its lists again, like `martlet reload`; the answer is in the log."),
]


def text(value):
    """Plain text as roff: nothing in it is a request, hyphens stay hyphens and code is bold."""
    escaped = value.replace("\\", "\\e").replace("-", "\\-")
    escaped = escaped.replace("…", "\\[u2026]").replace("'", "\\(aq").replace('"', "\\(dq")
    # A long address may be broken after its slashes.
    escaped = re.sub(r"\S{40,}", lambda word: word[0].replace("/", "/\\:"), escaped)
    return re.sub(r"`([^`]+)`", r"\\fB\1\\fR", escaped)


def line(value):
    """A paragraph in lines of at most 78 characters, none of which begins with a control character."""
    lines = textwrap.wrap(text(value), 78, break_long_words=False, break_on_hyphens=False)
    return "\n".join("\\&" + each if each.startswith(".") else each for each in lines)


def literal(value):
    """A line that keeps its spaces."""
    return ("\\&" if value.startswith(".") else "") + text(value)


def discussion(value):
    """Paragraphs are filled; `EXAMPLES:` and the like become bold, indented lines stay as they are."""
    out, inside = [], False
    for raw in value.split("\n"):
        indented = raw.startswith("  ")
        if indented != inside:
            out += [".PP", ".nf", ".RS 4"] if indented else [".RE", ".fi"]
            inside = indented
        if indented:
            out.append(literal(raw[2:]))
        elif re.fullmatch(r"[A-Z ]+:", raw):
            out += [".PP", f"\\fB{text(raw[:-1].capitalize())}\\fR"]
        elif raw:
            out += [".PP", line(raw)]
    return out + ([".RE", ".fi"] if inside else [])


def spelled(name):
    return ("--" if name["kind"] == "long" else "-") + name["name"]


def entries(arguments):
    """Options that are shown. A flag and its `--no-…` form, one after the other with the same words, are one entry."""
    merged = []
    for argument in arguments:
        if not argument["shouldDisplay"] or argument["preferredName_"] in ("--help", "--version"):
            continue
        twin = merged and argument["kind"] == "flag" and merged[-1]["abstract"] == argument["abstract"]
        if twin:
            merged[-1]["spellings"] += argument["spellings"]
        else:
            merged.append(argument)
    out = []
    for entry in merged:
        head = ", ".join(f"\\fB{text(name)}\\fR" for name in entry["spellings"])
        if entry["kind"] != "flag":
            head = f"{head} \\fI{text(entry['valueName'])}\\fR".strip()
        out += [".TP", head, line(entry["abstract"])]
    return out


def prepared(argument):
    names = argument.get("names", [])
    preferred = argument.get("preferredName")
    return argument | {
        "abstract": argument.get("abstract", ""),
        "spellings": [spelled(name) for name in sorted(names, key=lambda name: name["kind"] == "long")],
        "preferredName_": spelled(preferred) if preferred else "",
    }


def sections(command):
    """(title or None, arguments) in the order of the help: titled sections first."""
    grouped = {}
    for argument in map(prepared, command.get("arguments", [])):
        grouped.setdefault(argument.get("sectionTitle"), []).append(argument)
    return sorted(grouped.items(), key=lambda item: item[0] is None)


def synopsis(path, command):
    words = [f"\\fB{text(' '.join(path))}\\fR"]
    shown = [prepared(a) for a in command.get("arguments", []) if a["shouldDisplay"]]
    if any(a["kind"] != "positional" and a["preferredName_"] not in ("--help", "--version") for a in shown):
        words.append("[\\fIoptions\\fR]")
    for argument in shown:
        if argument["kind"] == "positional":
            word = f"\\fI{text(argument['valueName'])}\\fR" + (" ..." if argument["isRepeating"] else "")
            words.append(f"[{word}]" if argument["isOptional"] else word)
    return " ".join(words)


def options(command, described):
    """The command's options. `described` has the sections of former commands: a section is not printed twice."""
    out, again = [], False
    grouped = [(title, entries(arguments)) for title, arguments in sections(command)]
    for title, found in grouped:
        if title and described.setdefault(title, found) is not found:
            again = True
        elif found:
            out += [f".SS {text(title or 'Other options')}"] if len(grouped) > 1 and not again else []
            out += found
    reference = [".PP", "It takes the options of the configuration as `martlet run` does, and:" if out
                 else "It takes the options of the configuration as `martlet run` does."]
    return [line(each) if "`" in each else each for each in reference] + out if again else out


def leaves(path, command):
    """Every command that does something, depth first."""
    children = [c for c in command.get("subcommands", []) if c["shouldDisplay"] and c["commandName"] != "help"]
    if not children or command.get("defaultSubcommand") not in (None, "run"):
        yield path, command
    for child in children:
        yield from leaves(path + [child["commandName"]], child)


def page(root, version, date):
    commands = list(leaves([root["commandName"]], root))
    out = [
        '.\\" Made by scripts/make-man.py from the program\'s own help.',
        f'.TH MARTLET 1 "{date}" "Martlet {text(version)}" "User Commands"',
        ".nh", ".ad l",
        ".SH NAME", "martlet, mtproto\\-proxy \\- an MTProto proxy for Telegram",
        ".SH SYNOPSIS",
    ]
    for path, command in commands:
        out += [synopsis(path, command), ".br"]
    out[-1:] = [".SH DESCRIPTION", line(root["abstract"])] + discussion(root.get("discussion", ""))
    described = {}
    for path, command in commands:
        out += [f".SH {text(' '.join(path)).upper()}", line(command["abstract"])]
        out += discussion(command.get("discussion", ""))
        out += options(command, described)
    for title, terms in (("FILES", FILES), ("SIGNALS", SIGNALS)):
        out.append(f".SH {title}")
        for term, meaning in terms:
            out += [".TP", f"\\fB{text(term)}\\fR", line(meaning)]
    return "\n".join(out + [".SH SEE ALSO", "\\fBsystemctl\\fR(1), \\fBjournalctl\\fR(1)", ""])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    now = datetime.datetime.fromtimestamp(int(seconds), datetime.UTC) if seconds else datetime.datetime.now(datetime.UTC)
    help_ = json.load(sys.stdin)
    if help_["serializationVersion"] != 0:
        sys.exit(f"make-man: the help's format is number {help_['serializationVersion']}; this script knows number 0")
    sys.stdout.write(page(help_["command"], sys.argv[1], now.date().isoformat()))


main()
