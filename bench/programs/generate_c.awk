# SPDX-License-Identifier: MIT
#
# Prints a C file of functions that differ: loops, switches, structures, calls of one another. For
# cc1.sh; always the same for the same number.
#
#   awk -v functions=N -f generate_c.awk

function random(bound) {
    state = (state * 16807) % 2147483647
    return state % bound
}

function expression(depth) {
    if (depth == 0) return random(2) ? "a" : "(b + " random(1000) ")"
    return "(" expression(depth - 1) " " substr("+-*^&|", 1 + random(6), 1) " " \
        expression(depth - 1) ")"
}

function print_switch(cases, i) {
    print "    switch (a & 15) {"
    for (i = 0; i < cases; i++) {
        printf "    case %d: s->field%d = %s; break;\n", i, random(8), expression(2)
    }
    print "    default: s->field0 ^= b; break;\n    }"
}

function print_function(i) {
    printf "static int\nf%d(struct record *s, int a, int b)\n{\n    int i, sum = 0;\n", i
    printf "    for (i = 0; i < %d; i++) {\n", 4 + random(60)
    printf "        if (%s > %d) { sum += s->table[i & 31]; }\n", expression(3), random(500)
    printf "        else { s->table[(sum + i) & 31] = %s; }\n    }\n", expression(2)
    if (random(2)) print_switch(3 + random(8))
    if (i > 0) printf "    sum += f%d(s, sum, %s);\n", random(i), expression(1)
    printf "    return sum + s->field%d;\n}\n\n", random(8)
}

BEGIN {
    state = 4711
    print "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
    print "struct record {\n    int table[32];"
    for (i = 0; i < 8; i++) printf "    int field%d;\n", i
    print "};\n"
    for (i = 0; i < functions; i++) print_function(i)
    print "int\nmain(void)\n{\n    struct record s;\n    memset(&s, 0, sizeof s);"
    printf "    printf(\"%%d\\n\", f%d(&s, 1, 2));\n    return 0;\n}\n", functions - 1
}
