# SPDX-License-Identifier: MIT
#
# apexctl, the command for operators. libapexctlcore.la is all but main, for tests.

bin_PROGRAMS += apexctl/apexctl

apexctl_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir) -I$(top_builddir) \
	-DAPEX_LIBDIR='"$(libdir)"' -DAPEX_SBINDIR='"$(sbindir)"' \
	-DAPEX_PKGLIBEXECDIR='"$(pkglibexecdir)"'

noinst_LTLIBRARIES += \
	apexctl/libapexctlcore.la \
	apexctl/libapexpprof.la

# What protoc-c makes of the messages; its code is not held to our warnings.
nodist_apexctl_libapexpprof_la_SOURCES = apexctl/profile.pb-c.c
apexctl_libapexpprof_la_SOURCES =
apexctl_libapexpprof_la_CPPFLAGS = $(apexctl_cppflags)
apexctl_libapexpprof_la_CFLAGS = $(OPT_CFLAGS) $(SANITIZE_FLAGS) $(PROTOBUF_C_CFLAGS)
apexctl_libapexpprof_la_SHORTNAME = pprof

BUILT_SOURCES += apexctl/profile.pb-c.h
CLEANFILES += apexctl/profile.pb-c.c apexctl/profile.pb-c.h
EXTRA_DIST += apexctl/profile.proto

apexctl/profile.pb-c.h: apexctl/profile.proto
	@$(MKDIR_P) apexctl
	$(AM_V_GEN)$(PROTOC_C) --proto_path=$(top_srcdir) --c_out=. $(top_srcdir)/apexctl/profile.proto

apexctl/profile.pb-c.c: apexctl/profile.pb-c.h

$(apexctl_libapexctlcore_la_OBJECTS): apexctl/profile.pb-c.h

apexctl_libapexctlcore_la_SOURCES = \
	apexctl/call.c \
	apexctl/call.h \
	apexctl/cmd_advise.c \
	apexctl/cmd_ctl.c \
	apexctl/cmd_metrics.c \
	apexctl/cmd_doctor.c \
	apexctl/cmd_profile.c \
	apexctl/cmd_map.c \
	apexctl/cmd_run.c \
	apexctl/cmd_top.c \
	apexctl/cmd_trace.c \
	apexctl/cmd_tune.c \
	apexctl/cmd_view.c \
	apexctl/command.c \
	apexctl/command.h \
	apexctl/commands.def \
	apexctl/doctor_host.c \
	apexctl/doctor_host.h \
	apexctl/doctor_numa.c \
	apexctl/doctor_numa.h \
	apexctl/doctor_process.c \
	apexctl/doctor_process.h \
	apexctl/doctor_program.c \
	apexctl/doctor_program.h \
	apexctl/doctor_setup.c \
	apexctl/doctor_setup.h \
	apexctl/elf_file.c \
	apexctl/elf_file.h \
	apexctl/exit.h \
	apexctl/find.c \
	apexctl/find.h \
	apexctl/finding.c \
	apexctl/finding.h \
	apexctl/hint.c \
	apexctl/hint.h \
	apexctl/launch.c \
	apexctl/launch.h \
	apexctl/page.c \
	apexctl/page.h \
	apexctl/pprof.c \
	apexctl/pprof.h \
	apexctl/map.c \
	apexctl/map.h \
	apexctl/map_html.c \
	apexctl/map_html.h \
	apexctl/map_svg.c \
	apexctl/map_svg.h \
	apexctl/map_text.c \
	apexctl/map_text.h \
	apexctl/private.c \
	apexctl/private.h \
	apexctl/probe.c \
	apexctl/probe.h \
	apexctl/proc.c \
	apexctl/proc.h \
	apexctl/profile.c \
	apexctl/profile.h \
	apexctl/profile_text.c \
	apexctl/profile_text.h \
	apexctl/render.c \
	apexctl/render.h \
	apexctl/screen.c \
	apexctl/screen.h \
	apexctl/screen_curses.h \
	apexctl/screen_line.h \
	apexctl/symbols.c \
	apexctl/symbols.h \
	apexctl/render_advise.c \
	apexctl/render_advise.h \
	apexctl/render_frag.c \
	apexctl/render_frag.h \
	apexctl/render_numa.c \
	apexctl/render_numa.h \
	apexctl/style.c \
	apexctl/style.h \
	apexctl/table.c \
	apexctl/table.h \
	apexctl/top_model.c \
	apexctl/top_model.h \
	apexctl/top_ui.c \
	apexctl/top_ui.h \
	apexctl/trace.c \
	apexctl/trace.h \
	apexctl/trace_html.c \
	apexctl/trace_html.h \
	apexctl/trace_text.c \
	apexctl/trace_text.h \
	apexctl/value.c \
	apexctl/value.h
if CURSES
apexctl_libapexctlcore_la_SOURCES += apexctl/screen_curses.c
endif
apexctl_libapexctlcore_la_CPPFLAGS = $(apexctl_cppflags)
apexctl_libapexctlcore_la_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(CURSES_CFLAGS) $(DW_CFLAGS) \
	$(PROTOBUF_C_CFLAGS) $(ZLIB_CFLAGS)
apexctl_libapexctlcore_la_LIBADD = apexctl/libapexpprof.la apexd/libapexproto.la $(CURSES_LIBS) \
	$(DW_LIBS) $(PROTOBUF_C_LIBS) $(ZLIB_LIBS) -lm
apexctl_libapexctlcore_la_SHORTNAME = apexctl

apexctl_apexctl_SOURCES = apexctl/main.c
apexctl_apexctl_CPPFLAGS = $(apexctl_cppflags)
apexctl_apexctl_LDADD = apexctl/libapexctlcore.la
apexctl_apexctl_SHORTNAME = apexctl

# Runs under libapex, and so is linked with nothing that allocates.
pkglibexec_PROGRAMS = apexctl/apex-replay
apexctl_apex_replay_SOURCES = apexctl/replay.c
apexctl_apex_replay_CPPFLAGS = $(apexctl_cppflags)
apexctl_apex_replay_LDADD = -lpthread
apexctl_apex_replay_SHORTNAME = replay

EXTRA_DIST += apexctl/README.md apexctl/completion.awk

# Completions, made of the tables. Each shell wants a name and a folder of its own.
completions = \
	apexctl/completion/bash/apexctl \
	apexctl/completion/fish/apexctl.fish \
	apexctl/completion/zsh/_apexctl

noinst_DATA += $(completions)
CLEANFILES += $(completions)
if BASH_COMPLETION
bashcompletion_DATA = apexctl/completion/bash/apexctl
endif
if FISH_COMPLETION
fishcompletion_DATA = apexctl/completion/fish/apexctl.fish
endif
if ZSH_COMPLETION
zshcompletion_DATA = apexctl/completion/zsh/_apexctl
endif

completion_tables = \
	$(top_srcdir)/apexctl/commands.def \
	$(top_srcdir)/apexctl/top_model.h \
	$(top_srcdir)/libapex/tables/options.def

$(completions): $(top_srcdir)/apexctl/completion.awk $(completion_tables)
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)shell=$(@D) && $(AWK) -f $(top_srcdir)/apexctl/completion.awk \
		-v shell=$${shell##*/} $(completion_tables) >$@.new && mv $@.new $@

# The pages that a map and a trace are put into, as rows of an array.
pages = apexctl/map_page.def apexctl/trace_page.def

$(pages): %.def: %.html apexctl/page_rows.awk
	$(AM_V_GEN)$(MKDIR_P) apexctl && \
	LC_ALL=C $(AWK) -v page=$*.html -f $(srcdir)/apexctl/page_rows.awk $(srcdir)/$*.html >$@.new && \
	mv $@.new $@

BUILT_SOURCES += $(pages)
CLEANFILES += $(pages)
EXTRA_DIST += apexctl/map_page.html apexctl/page_rows.awk apexctl/trace_page.html
