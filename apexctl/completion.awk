# SPDX-License-Identifier: MIT
#
# Makes the completions of a shell out of the tables, so that a new command is completed without
# anybody thinking of it:
#
#   awk -f completion.awk -v shell=bash|zsh|fish commands.def top_model.h options.def
#
# What a command takes is read from its arguments as people read them: `[` and `]` around what may
# be left out, `a|b` for words to choose from, capitals for what is to be filled in:
#
#   PID  FILE  DIR  PROGRAM    a registered process, files, folders, commands
#   COLUMN                     what `top` can sort by
#   OPTION, OPTION=VALUE       an option of libapex that can be changed while a program runs
#
# Other capitals are not completed.

BEGIN {
    count = globals = keys = 0
    split("--runtime-dir DIR;--output table|json;-o table|json;--color auto|always|never;--help;" \
        "--version", global, ";")
}

# Comments go; what is left of a table is one line of rows.
{ sub(/^ *\/\/.*/, "") }
FILENAME ~ /commands\.def$/ { table = table " " $0 }
FILENAME ~ /top_model\.h$/ && match($0, /COLUMN\([A-Z]+, "[a-z]+"/) {
    split(substr($0, RSTART, RLENGTH), part, "\"")
    columns = columns (columns == "" ? "" : " ") part[2]
}
FILENAME ~ /options\.def$/ { options = options " " $0 }

# Takes the string literals at the start of `rest` off, and returns them as one.
function literals(    text, end) {
    text = ""
    while (match(rest, /^[ ,]*"/)) {
        if (text != "" && rest ~ /^ *,/) break
        rest = substr(rest, RLENGTH + 1)
        end = index(rest, "\"")
        text = text substr(rest, 1, end - 1)
        rest = substr(rest, end + 1)
    }
    return text
}

# What completes a placeholder: pid, file, dir, program, setting, key, words:…, or none.
function kind_of(word) {
    sub(/[,.]*$/, "", word)
    if (word == "PID") return "pid"
    if (word ~ /^(FILE|FILES)$/) return "file"
    if (word == "DIR") return "dir"
    if (word == "PROGRAM") return "program"
    if (word == "COLUMN") return "words:" columns
    if (word ~ /^OPTION=VALUE$/) return "setting"
    if (word ~ /^OPTION/) return "key"
    if (word ~ /^[a-z0-9-]+(\|[a-z0-9-]+)+$/) {
        gsub(/\|/, " ", word)
        return "words:" word
    }
    return "none"
}

function add_option(c, name, kind) {
    if (name == "--" || (c, name) in option_kind) return
    option_kind[c, name] = kind
    option[c, ++option_count[c]] = name
    if (name == "-o") add_option(c, "--output", kind)
}

function add_argument(c, kind) {
    if (kind == "none" || (c, kind) in has_argument) return
    has_argument[c, kind] = 1
    argument[c, ++argument_count[c]] = kind
}

# Reads the arguments of command `c` from left to right. An option's value follows it directly, or
# behind `[=`; what stands behind a bracket is another thing.
function read_arguments(c, text,    n, i, p, m, token, piece, last) {
    gsub(/\[/, " [ ", text)
    gsub(/\]/, " ] ", text)
    gsub(/\.\.\./, "", text)
    n = split(text, token, " ")
    last = ""
    for (i = 1; i <= n; i++) {
        if (token[i] == "[" && token[i + 1] ~ /^=/ && last != "") {
            option_kind[c, last] = "optional:" kind_of(substr(token[++i], 2))
        } else if (token[i] ~ /^([[|]|]|--)$/) {
            last = ""
        } else if (token[i] ~ /^-/ || token[i] ~ /\|-/) {
            m = split(token[i], piece, "|")
            for (p = 1; p <= m; p++) {
                if (piece[p] ~ /^-/) {
                    add_option(c, piece[p], "flag")
                    last = piece[p]
                } else {
                    add_argument(c, kind_of(piece[p]))
                }
            }
        } else if (last != "") {
            option_kind[c, last] = kind_of(token[i])
            if (last == "-o") option_kind[c, "--output"] = option_kind[c, last]
            last = ""
        } else {
            add_argument(c, kind_of(token[i]))
        }
    }
}

function read_commands(    c) {
    rest = table
    while ((at = index(rest, "COMMAND(")) > 0) {
        rest = substr(rest, at + 8)
        c = ++count
        name[c] = rest
        sub(/ *,.*/, "", name[c])
        sub(/^[^,]*,[^,]*, */, "", rest)
        read_arguments(c, literals())
        says[c] = literals()
        gsub(/['"\[\]:\\]/, "", says[c])
    }
}

# Those that may change while the program runs, and the words of those that have some.
function read_options(    key, type, unit) {
    rest = options
    while ((at = index(rest, "OPTION(")) > 0) {
        rest = substr(rest, at + 7)
        split(rest, field, ",")
        key = field[2]
        type = field[3]
        unit = rest
        gsub(/[ "]/, "", key)
        gsub(/ /, "", type)
        if (rest !~ /^[^"]*"[^"]*"[^"]*"[^"]*", *LIVE/) continue
        live[++keys] = key
        match(unit, /^[^"]*"[^"]*"[^"]*"[^"]*"/)
        unit = substr(unit, 1, RLENGTH - 1)
        sub(/.*"/, "", unit)
        gsub(/\|/, " ", unit)
        words[key] = type == "CHOICE" ? unit : type == "BOOL" ? "0 1" : ""
    }
}

function joined_keys(suffix,    i, text) {
    text = ""
    for (i = 1; i <= keys; i++) text = text (i == 1 ? "" : " ") live[i] suffix
    return text
}

function joined_names(    i, text) {
    text = ""
    for (i = 1; i <= count; i++) text = text (i == 1 ? "" : " ") name[i]
    return text
}

function joined_options(c,    i, text) {
    text = ""
    for (i = 1; i <= option_count[c]; i++) text = text (i == 1 ? "" : " ") option[c, i]
    return text
}

function is_flag(kind) { return kind == "flag" || kind ~ /^optional:/ }

END {
    read_commands()
    read_options()
    for (g = 1; g in global; g++) read_arguments(0, global[g])
    if (shell == "zsh") print "#compdef apexctl" # it looks for that in the first line alone
    print "# SPDX-License-Identifier: MIT"
    print "#"
    print "# Completion of apexctl for " shell ", made of its tables by apexctl/completion.awk."
    print ""
    if (shell == "bash") bash()
    else if (shell == "zsh") zsh()
    else fish()
}

# --- bash ----------------------------------------------------------------------------------------

function bash(    c, i, kind) {
    print "_apexctl_words()\n{"
    print "    mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen \"$@\" -- \"$cur\")\n}\n"
    print "# _apexctl_complete KIND: adds what a thing of this kind may be."
    print "_apexctl_complete()\n{\n    case $1 in"
    print "    words:*) _apexctl_words -W \"${1#words:}\" ;;"
    print "    pid) _apexctl_words -W \"$(\"${apexctl[@]}\" ps 2>/dev/null |"
    print "        awk '$1 ~ /^[0-9]+$/ { print $1 }')\" ;;"
    print "    file) compopt -o filenames 2>/dev/null; _apexctl_words -f ;;"
    print "    dir) compopt -o filenames 2>/dev/null; _apexctl_words -d ;;"
    print "    program) _apexctl_words -c ;;"
    print "    key) _apexctl_words -W '" joined_keys("") "' ;;"
    print "    setting)"
    print "        compopt -o nospace 2>/dev/null"
    print "        _apexctl_words -W '" joined_keys("=") "' ;;"
    print "    esac\n}\n"
    print "# What comes behind `KEY=`."
    print "_apexctl_value()\n{\n    case $1 in"
    for (i = 1; i <= keys; i++)
        if (words[live[i]] != "") print "    " live[i] ") _apexctl_words -W '" words[live[i]] "' ;;"
    print "    --reset) _apexctl_complete key ;;"
    print "    esac\n}\n"
    print "_apexctl()\n{"
    print "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command= i"
    print "    local apexctl=(\"${COMP_WORDS[0]}\") dashes= program="
    print "    COMPREPLY=()"
    print "    for ((i = 1; i < COMP_CWORD; i++)); do"
    print "        case ${COMP_WORDS[i]} in"
    print "        --runtime-dir) apexctl+=(--runtime-dir \"${COMP_WORDS[++i]}\") ;;"
    print "        -o | --output | --color) ((++i)) ;;"
    print "        -*) ;;"
    print "        *) command=${COMP_WORDS[i]}; break ;;"
    print "        esac"
    print "    done"
    print "    # Where a program begins, its own arguments are none of ours."
    print "    for ((++i; i < COMP_CWORD; i++)); do"
    print "        [[ ${COMP_WORDS[i]} == -- ]] && { dashes=1; program=$((i + 1)); break; }"
    print "        [[ ${COMP_WORDS[i]} != -* ]] && { program=$i; break; }"
    print "    done"
    print "    # bash makes words of their own of `=` and what is behind it."
    print "    if [[ $cur == = ]]; then\n        cur="
    print "        _apexctl_value \"$prev\"\n        return\n    fi"
    print "    if [[ $prev == = ]]; then"
    print "        _apexctl_value \"${COMP_WORDS[COMP_CWORD - 2]}\"\n        return\n    fi"
    print "    case $command in"
    for (c = 0; c <= count; c++) {
        print "    " (c == 0 ? "''" : name[c]) ")"
        bash_command(c)
        print "        ;;"
    }
    print "    esac\n}\n"
    print "complete -F _apexctl apexctl"
}

function bash_command(c,    i, kind) {
    if ((c, "program") in has_argument) {
        print "        if [[ $program && $program -lt $COMP_CWORD" \
            (argument_count[c] > 1 ? " && $dashes" : "") " ]]; then"
        print "            if declare -F _command_offset >/dev/null; then"
        print "                _command_offset \"$program\""
        print "            else\n                _apexctl_complete file\n            fi"
        print "            return\n        fi"
    }
    print "        case $prev in"
    for (i = 1; i <= option_count[c]; i++) {
        kind = option_kind[c, option[c, i]]
        if (!is_flag(kind))
            print "        " option[c, i] ") _apexctl_complete '" kind "'; return ;;"
    }
    print "        esac"
    print "        if [[ $cur == -* ]]; then\n            _apexctl_words -W '" joined_options(c) "'"
    print "        else"
    if (c == 0) print "            _apexctl_words -W '" joined_names() "'"
    else if (argument_count[c] == 0) print "            :"
    for (i = 1; i <= argument_count[c]; i++)
        print "            " (argument_count[c] == 1 || !((c, "program") in has_argument) ? "" : \
            argument[c, i] == "program" ? "[[ -z $dashes ]] || " : "[[ $dashes ]] || ") \
            "_apexctl_complete '" argument[c, i] "'"
    print "        fi"
}

# --- zsh -----------------------------------------------------------------------------------------

function zsh_action(kind) {
    sub(/^optional:/, "", kind)
    if (kind ~ /^words:/) return ":word:(" substr(kind, 7) ")"
    if (kind == "pid") return ":process:_apexctl_pids"
    if (kind == "file") return ":file:_files"
    if (kind == "dir") return ":folder:_files -/"
    if (kind == "program") return ":program:_command_names -e"
    if (kind == "key") return ":option:(" joined_keys("") ")"
    if (kind == "setting") return ":setting:_apexctl_settings"
    return ":value:"
}

function zsh_options(c,    i, kind, text) {
    text = ""
    for (i = 1; i <= option_count[c]; i++) {
        kind = option_kind[c, option[c, i]]
        text = text " \\\n        '" option[c, i] (kind ~ /^optional:/ ? "=-:" : "") \
            (kind == "flag" ? "" : zsh_action(kind)) "'"
    }
    return text
}

function zsh(    c, i, rest_action) {
    print "_apexctl_pids()\n{\n    local -a pids"
    print "    pids=(${(f)\"$(apexctl $apexctl_dir ps 2>/dev/null |"
    print "        awk '$1 ~ /^[0-9]+$/ { print $1 \":\" $3 }')\"})"
    print "    _describe process pids\n}\n"
    print "_apexctl_settings()\n{\n    if compset -P '*='; then\n        case $IPREFIX in"
    for (i = 1; i <= keys; i++)
        if (words[live[i]] != "") print "        *" live[i] "=) compadd -- " words[live[i]] " ;;"
    print "        esac\n    else\n        compadd -S '' -- " joined_keys("=") "\n    fi\n}\n"
    print "_apexctl()\n{\n    local curcontext=$curcontext state line"
    print "    local -a commands apexctl_dir"
    print "    typeset -A opt_args"
    print "    commands=("
    for (c = 1; c <= count; c++) print "        '" name[c] ":" says[c] "'"
    print "    )"
    print "    _arguments -C" zsh_options(0) \
        " \\\n        '1:command:->command' '*::argument:->argument'"
    print "    [[ -n ${opt_args[--runtime-dir]} ]] &&"
    print "        apexctl_dir=(--runtime-dir ${opt_args[--runtime-dir]})"
    print "    case $state in\n    command) _describe command commands ;;"
    print "    argument)\n        case $words[1] in"
    for (c = 1; c <= count; c++) {
        # One rule for all that are no options: what several may be is offered together.
        rest_action = argument_count[c] == 0 ? "" : " \\\n        '*" zsh_action(argument[c, 1]) "'"
        if (argument_count[c] == 1 && argument[c, 1] == "program")
            rest_action = " \\\n        '(-)1:program:_command_names -e' '*::argument:_normal'"
        if (argument_count[c] > 1) {
            rest_action = " \\\n        '*:argument: _alternative"
            for (i = 1; i <= argument_count[c]; i++)
                rest_action = rest_action " \"a" i zsh_action(argument[c, i]) "\""
            rest_action = rest_action "'"
        }
        print "        " name[c] ") _arguments" zsh_options(c) rest_action " ;;"
    }
    print "        esac ;;\n    esac\n}\n"
    print "if [ \"$funcstack[1]\" = _apexctl ]; then\n    _apexctl \"$@\""
    print "else\n    compdef _apexctl apexctl\nfi"
}

# --- fish ----------------------------------------------------------------------------------------

function fish_values(kind) {
    sub(/^optional:/, "", kind)
    if (kind ~ /^words:/) return " -a '" substr(kind, 7) "'"
    if (kind == "pid") return " -a '(__apexctl_pids)'"
    if (kind == "file") return " -F"
    if (kind == "dir") return " -a '(__fish_complete_directories)'"
    if (kind == "program") return " -a '(__fish_complete_command)'"
    if (kind == "key") return " -a '" joined_keys("") "'"
    if (kind == "setting") return " -a '(__apexctl_settings)'"
    return ""
}

function fish_option(begin, c, i,    kind, text) {
    text = option[c, i]
    kind = option_kind[c, option[c, i]]
    print begin (text ~ /^--/ ? " -l " substr(text, 3) : " -s " substr(text, 2)) \
        (kind == "flag" || kind ~ /^optional:/ ? "" : kind == "file" ? " -r" : " -x") \
        (kind == "flag" || kind ~ /^optional:/ ? "" : fish_values(kind))
}

function fish(    c, i, begin, key) {
    print "function __apexctl_pids"
    print "    apexctl ps 2>/dev/null | awk '$1 ~ /^[0-9]+$/ { print $1 \"\\t\" $3 }'\nend\n"
    print "function __apexctl_settings"
    for (i = 1; i <= keys; i++) {
        key = live[i]
        if (words[key] == "") print "    echo " key "="
        else print "    printf '%s\\n' " key "={" gensub_words(words[key]) "}"
    }
    print "end\n"
    print "complete -c apexctl -f"
    for (i = 1; i <= option_count[0]; i++)
        fish_option("complete -c apexctl -n __fish_use_subcommand", 0, i)
    for (c = 1; c <= count; c++) {
        print "complete -c apexctl -n __fish_use_subcommand -a " name[c] " -d '" says[c] "'"
        begin = "complete -c apexctl -n '__fish_seen_subcommand_from " name[c] "'"
        for (i = 1; i <= option_count[c]; i++) fish_option(begin, c, i)
        for (i = 1; i <= argument_count[c]; i++) print begin fish_values(argument[c, i])
    }
}

function gensub_words(text) {
    gsub(/ /, ",", text)
    return text
}
