#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Holds every dependency between modules against the level rule. Reason: a rule that is only written
# down is broken within a week, and a library with a circle in it can be neither read nor tested in
# parts.
#
#   layers.sh [top of the sources [top of the build]]
#
# The rule of a component stands in its README.md, in one block fenced by ```levels:
#
#   uses other/folder …            folders of other components that it may include from
#   apart folder …                 those whose object files go into libraries of their own: what
#                                  these define is no name for the others
#   <number> <folder> a -> b -> c, d     a level; `.` is the component's own folder
#
# A module may use those in lines above it and those to its left; modules parted by a comma do not
# use each other. Edges come from `#include "…"` lines and, when there is a build, from the symbols
# that object files define and want.

. "$(dirname "$0")/lib.sh"
build=${2:-${top_builddir:-}}

# ranks <component>: "module rank" for each module in the table, rank rising with the order.
ranks() {
    awk -v component="$1" '
        /^```levels/ { inside = 1; next }
        /^```/ { inside = 0 }
        inside && NF > 0 && $1 != "uses" && $1 != "apart" {
            level++
            folder = $2 == "." ? component : component "/" $2
            line = $0
            sub(/^[^ ]+ +[^ ]+ +/, "", line)
            groups = split(line, group, / *-> */)
            for (g = 1; g <= groups; g++) {
                names = split(group[g], name, / *, */)
                for (n = 1; n <= names; n++) {
                    gsub(/ /, "", name[n])
                    module = folder "/" name[n]
                    if (name[n] == "apex") module = component "/apex" # the public header
                    print module, level * 1000 + g
                }
            }
        }' "$root/$1/README.md"
}

# modules <component>: every module that has a file.
modules() {
    (cd "$root" && find "$1" \( -name '*.c' -o -name '*.h' \) -print) | sed 's/\.[ch]$//' | sort -u
}

# include_edges <component>: "user used where" for each #include "…" line. What is used is looked
# for beside the user, in the component, and at the top.
include_edges() {
    (cd "$root" && find "$1" \( -name '*.c' -o -name '*.h' \) \
        -exec grep -n '^#include "' {} /dev/null \;) |
        sed 's/:#include "/:/; s/".*//' | while IFS=: read -r file line name; do
        case $name in *.def) continue ;; esac
        for candidate in "$(dirname "$file")/$name" "$1/$name" "$name"; do
            if [ -f "$root/$candidate" ]; then
                echo "${file%.[ch]} ${candidate%.[ch]} $file:$line"
                continue 2
            fi
        done
        echo "${file%.[ch]} ? $file:$line"
    done | sed 's,/[a-z_]*/\.\./,/,g'
}

# objects <component>: "object module" for each object file of the build whose source is there.
# libtool puts a prefix before the name, ending in `-`.
objects() {
    apart=$(sed -n '/^```levels/,/^```$/s/^apart //p' "$root/$1/README.md")
    find "$build/$1" -name '*.o' -print | while read -r object; do
        folder=$(dirname "${object#"$build"/}")
        folder=${folder%/.libs}
        case " $apart " in *" ${folder#"$1"/} "*) continue ;; esac
        name=$(basename "$object" .o)
        while :; do
            if [ -f "$root/$folder/$name.c" ]; then
                echo "$object $folder/$name"
                break
            fi
            case $name in
            *-*) name=${name#*-} ;;
            *) break ;;
            esac
        done
    done
}

# symbol_edges <component>: "user used symbol", for each symbol that one module wants and another
# defines.
symbol_edges() {
    objects "$1" | while read -r object module; do
        nm -P -g "$object" | awk -v m="$module" '
            $2 == "U" || $2 == "w" || $2 == "v" { print "wants", m, $1; next }
            { print "defines", m, $1 }'
    done | sort -u | awk '
        $1 == "defines" { by[$3] = by[$3] " " $2; own[$2 " " $3] = 1 }
        $1 == "wants" { wanted[NR] = $2 " " $3 }
        END {
            for (i in wanted) {
                split(wanted[i], w, " ")
                if (own[wanted[i]] || !(w[2] in by)) continue
                n = split(by[w[2]], definer, " ")
                for (k = 1; k <= n; k++) print w[1], definer[k], "symbol " w[2]
            }
        }'
}

# judge <component>: reads edges, prints one line for each that breaks the rule.
judge() {
    uses=$(sed -n '/^```levels/,/^```$/s/^uses //p' "$root/$1/README.md")
    awk -v component="$1" -v uses="$uses" -v table="$scratch/ranks" '
        BEGIN {
            while ((getline line < table) > 0) { split(line, f, " "); rank[f[1]] = f[2] }
            count = split(uses, allowed, " ")
        }
        function abroad(used, i) {
            for (i = 1; i <= count; i++) if (index(used, allowed[i] "/") == 1) return 1
            return 0
        }
        $1 == $2 { next }
        $2 == "?" { print $3 ": includes what is not there"; next }
        index($2, component "/") != 1 {
            if (!abroad($2)) print $1 " uses " $2 ", outside the component (" $3 " " $4 ")"
            next
        }
        !($1 in rank) || !($2 in rank) { next } # said elsewhere
        int(rank[$2] / 1000) > int(rank[$1] / 1000) {
            print $1 " uses " $2 ": upwards (" $3 " " $4 ")"
            next
        }
        rank[$2] >= rank[$1] { print $1 " uses " $2 ": to the right (" $3 " " $4 ")" }'
}

check_component() {
    if ! grep -q '^```levels' "$root/$1/README.md" 2>/dev/null; then
        complain "$1/README.md has no block of levels"
        return
    fi
    ranks "$1" >"$scratch/ranks"
    cut -d' ' -f1 "$scratch/ranks" | sort >"$scratch/listed"
    modules "$1" >"$scratch/there"
    uniq -d "$scratch/listed" >"$scratch/problems"
    sed -i 's/$/ is in the table twice/' "$scratch/problems"
    comm -13 "$scratch/listed" "$scratch/there" |
        sed 's/$/ is not in the table of levels/' >>"$scratch/problems"
    comm -23 "$scratch/listed" "$scratch/there" |
        sed 's/$/ is in the table of levels, but not there/' >>"$scratch/problems"
    include_edges "$1" >"$scratch/edges"
    objects_seen=0
    if [ -n "$build" ] && [ -d "$build/$1" ]; then
        objects_seen=$(objects "$1" | wc -l)
        symbol_edges "$1" >>"$scratch/edges"
    fi
    judge "$1" <"$scratch/edges" >>"$scratch/problems"
    awk '$1 != $2 && $2 != "?" { print $1, $2 }' "$scratch/edges" | sort -u >"$scratch/pairs"
    tsort "$scratch/pairs" >/dev/null 2>"$scratch/circle" ||
        { printf 'circle:'; sed 's/^tsort: //; s/.*input contains a loop.*//' "$scratch/circle" |
            tr '\n' ' '; echo; } >>"$scratch/problems"
    while read -r problem; do
        complain "$problem"
    done <"$scratch/problems"
    echo "$1: $(wc -l <"$scratch/there") modules, $(wc -l <"$scratch/pairs") dependencies," \
        "$objects_seen object files"
}

for component in libapex apexd apexctl; do
    if [ -d "$root/$component" ]; then
        check_component "$component"
    fi
done
[ "$failures" -eq 0 ]
