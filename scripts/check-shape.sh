#!/usr/bin/env bash
# What a compiler does not check: lengths of files and functions, what the pure targets may import, and traps.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0
complain() { echo "check-shape: $1" >&2; failed=1; }

while IFS= read -r file; do
    lines=$(wc -l < "$file")
    [ "$lines" -le 400 ] || complain "$file has $lines lines; 400 is the most"
done < <(git ls-files 'Sources/*.swift' 'Sources/*.c' 'Sources/*.h' 'Tests/*.swift')

# A function's body ends at the first closing brace with the indentation of its head.
while IFS= read -r line; do complain "$line"; done < <(git ls-files 'Sources/*.swift' | xargs awk '
    FNR == 1 { open = 0 }
    !open && match($0, /^ *((package|public|private|fileprivate|internal|static|mutating|final|override|@[a-zA-Z]+) )*(func|init)[ (?<]/) && !/}$/ {
        open = 1; start = FNR; match($0, /^ */); indent = RLENGTH
    }
    open && /^ *}/ { match($0, /^ */); if (RLENGTH == indent) { if (FNR - start > 60) printf "%s:%d: a function of %d lines; 60 is the most\n", FILENAME, start, FNR - start + 1; open = 0 } }
')

pure=$(git ls-files 'Sources/MTProtoWire/*.swift' 'Sources/ProxyPolicy/*.swift')
bad=$(grep -nE '^ *((package|public|internal) )?import (NIOPosix|NIOSSL|NIOHTTP1|Logging|Metrics|Foundation|Glibc|Darwin|Dispatch)' $pure)
[ -z "$bad" ] || complain "pure targets know no sockets, clocks or logs:"$'\n'"$bad"
bad=$(git ls-files 'Sources/*.swift' | grep -v ProxyTestKit | xargs grep -nE 'try!|as!|fatalError\(|preconditionFailure\(|ForTesting|TODO|FIXME')
[ -z "$bad" ] || complain "no traps and no leftovers:"$'\n'"$bad"
[ "$failed" -eq 0 ] && echo "check-shape: all well"
exit "$failed"
