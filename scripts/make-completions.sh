#!/usr/bin/env bash
# Writes the completions of a binary for bash, zsh and fish, and tries each with its shell where that is installed.
#   scripts/make-completions.sh BINARY FOLDER
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 64; }
mkdir -p "$2"
"$1" --generate-completion-script bash > "$2/martlet.bash"
"$1" --generate-completion-script zsh > "$2/_martlet"
"$1" --generate-completion-script fish > "$2/martlet.fish"

# bash: source it and complete a subcommand, as the Tab key does.
completed=$(bash --norc -c '
    source "$1"
    COMP_WORDS=(martlet conf) COMP_CWORD=1 COMP_LINE="martlet conf" COMP_POINT=12 COMP_TYPE=9
    _martlet martlet conf martlet
    printf "%s\n" "${COMPREPLY[@]}"' - "$2/martlet.bash")
[ "${completed%% }" = config ] || { echo "make-completions: bash completed 'conf' to '$completed'" >&2; exit 1; }
if command -v zsh >/dev/null; then zsh -n "$2/_martlet"; fi
if command -v fish >/dev/null; then
    fish --no-config -c 'source $argv[1]; complete -C "martlet conf"' "$2/martlet.fish" | grep -q '^config' \
        || { echo "make-completions: fish does not complete 'conf'" >&2; exit 1; }
fi
