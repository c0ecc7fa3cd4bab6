# SPDX-License-Identifier: MIT
#
# Makes of a page its lines as strings of C, to be included as the rows of an array:
#
#   awk -v page=apexctl/map_page.html -f page_rows.awk map_page.html >map_page.def

BEGIN { print "// Made from " page " by apexctl/page_rows.awk: change those." }

{
    gsub(/\\/, "\\\\&")
    gsub(/"/, "\\\"")
    print "\"" $0 "\\n\","
}
