# SPDX-License-Identifier: MIT
#
# Manual pages, one for each program, header and table that users meet:
# dist_man_MANS += man/NAME.SECTION

dist_man_MANS += \
	man/apex-options.7 \
	man/apex-stats.7 \
	man/apexctl.1 \
	man/apexd.8 \
	man/apexd.json.5
