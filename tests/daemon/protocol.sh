#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Holds the documents against the tables: docs/protocol.md has a heading for each method with all
# its parameters and a schema beside it, every error and every refusal; man/apexctl.1 has every
# command and exit code, man/apexd.8 every option. Reason: what is not written down is not used.

cd "${top_srcdir:-.}" || exit 2
needs=0
failures=0

complain()
{
    echo "FAIL: $1"
    failures=$((failures + 1))
}

# need <file> <fixed text> <what>
need()
{
    needs=$((needs + 1))
    grep -qF -e "$2" "$1" || complain "$1 does not tell of $3: $2"
}

# words <macro> <what stands before the word, as a pattern> <file>: the quoted word of each row.
words()
{
    sed -n "s/^ *$1($2\"\([a-z_]*\)\").*/\1/p" "$3"
}

for method in $(sed -n 's/^METHOD(\([a-z_]*\),.*/\1/p' apexd/proto/methods.def); do
    need docs/protocol.md "### \`$method\`" "a method"
    need "apexd/schema/$method.json" "\"apexd.$method/1\"" "the result"
done
for param in $(sed -n 's/^PARAM([a-z_]*, \([a-z_]*, [a-z]*\),.*/\1/p' apexd/proto/methods.def |
    sed 's/, /:/'); do
    need docs/protocol.md "\`${param%:*}\` (${param#*:}" "a parameter"
done
for word in $(words ERROR '[A-Z_]*, ' apexd/proto/message.h); do
    [ "$word" = none ] || need docs/protocol.md "\`$word\`" "an error"
done
for word in $(words STATUS '[A-Z_]*, [0-9]*, ' libapex/abi/hello.h); do
    need docs/protocol.md "\`$word\`" "an answer to a registration"
done
for command in $(sed -n 's/^COMMAND(\([a-z_]*\),.*/\1/p' apexctl/commands.def); do
    need man/apexctl.1 ".B $command" "a command"
done
for code in $(sed -n 's/^    EXIT_[A-Z_]* = \([0-9]*\),.*/\1/p' apexctl/exit.h); do
    need man/apexctl.1 ".B $code" "an exit code"
done
for option in $(tr '{' '\n' <apexd/main.c | sed -n 's/^"\([a-z-]*\)", [a-z]*_argument.*/\1/p'); do
    need man/apexd.8 "$(echo "--$option" | sed 's/-/\\-/g')" "an option"
done
# A pattern above that no longer fits its table would find nothing to complain of.
[ "$needs" -ge 42 ] || complain "only $needs things were looked for"
echo "$needs things looked for"
exit $((failures > 0))
