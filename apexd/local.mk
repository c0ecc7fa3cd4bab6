# SPDX-License-Identifier: MIT
#
# apexd, the daemon. libapexproto.la is what apexctl shares with it, libapexdcore.la all but main,
# for tests.

sbin_PROGRAMS += apexd/apexd

apexd_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)

noinst_LTLIBRARIES += \
	apexd/libapexdcore.la \
	apexd/libapexproto.la

apexd_libapexproto_la_SOURCES = \
	apexd/proto/frame.c \
	apexd/proto/frame.h \
	apexd/proto/message.c \
	apexd/proto/message.h \
	apexd/proto/methods.def
apexd_libapexproto_la_CPPFLAGS = $(apexd_cppflags)
apexd_libapexproto_la_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS)
apexd_libapexproto_la_LIBADD = $(CJSON_LIBS)
apexd_libapexproto_la_SHORTNAME = proto

apexd_libapexdcore_la_SOURCES = \
	apexd/act.c \
	apexd/act.h \
	apexd/advice.c \
	apexd/advice.h \
	apexd/advisor.c \
	apexd/advisor.h \
	apexd/answers.c \
	apexd/answers.h \
	apexd/client.c \
	apexd/client.h \
	apexd/daemon.c \
	apexd/daemon.h \
	apexd/door.c \
	apexd/door.h \
	apexd/fdstore.c \
	apexd/fdstore.h \
	apexd/http.c \
	apexd/http.h \
	apexd/http_answer.c \
	apexd/http_answer.h \
	apexd/ledger.c \
	apexd/ledger.h \
	apexd/log.c \
	apexd/log.h \
	apexd/method_advise.c \
	apexd/method_advise.h \
	apexd/method_ctl.c \
	apexd/method_ctl.h \
	apexd/frag.c \
	apexd/frag.h \
	apexd/method_frag.c \
	apexd/method_frag.h \
	apexd/method_map.c \
	apexd/method_map.h \
	apexd/method_metrics.c \
	apexd/method_metrics.h \
	apexd/method_numa.c \
	apexd/method_numa.h \
	apexd/method_profile.c \
	apexd/method_profile.h \
	apexd/method_subscribe.c \
	apexd/method_subscribe.h \
	apexd/method_topology.c \
	apexd/method_topology.h \
	apexd/method_tune.c \
	apexd/method_tune.h \
	apexd/methods.c \
	apexd/methods.h \
	apexd/metrics.c \
	apexd/metrics.h \
	apexd/notify.c \
	apexd/notify.h \
	apexd/page_fields.c \
	apexd/page_fields.h \
	apexd/page_map.c \
	apexd/page_map.h \
	apexd/placement.c \
	apexd/placement.h \
	apexd/profile_map.c \
	apexd/profile_map.h \
	apexd/picture.h \
	apexd/policy.c \
	apexd/policy.def \
	apexd/policy.h \
	apexd/pressure.c \
	apexd/pressure.h \
	apexd/registrar.c \
	apexd/registrar.h \
	apexd/rehome.c \
	apexd/rehome.h \
	apexd/reply.c \
	apexd/reply.h \
	apexd/restore.c \
	apexd/restore.h \
	apexd/roster.c \
	apexd/roster.h \
	apexd/rules.c \
	apexd/rules.h \
	apexd/rundir.c \
	apexd/rundir.h \
	apexd/scrape.c \
	apexd/scrape.h \
	apexd/saturate.h \
	apexd/server.c \
	apexd/server.h \
	apexd/shortage.c \
	apexd/shortage.h \
	apexd/small_file.h \
	apexd/subscribe.c \
	apexd/subscribe.h \
	apexd/topology.c \
	apexd/topology.h \
	apexd/totals.c \
	apexd/totals.h \
	apexd/trust.h \
	apexd/tune.c \
	apexd/tune.h
apexd_libapexdcore_la_CPPFLAGS = $(apexd_cppflags)
apexd_libapexdcore_la_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(HWLOC_CFLAGS) \
	$(MICROHTTPD_CFLAGS) $(UV_CFLAGS)
apexd_libapexdcore_la_LIBADD = apexd/libapexproto.la $(HWLOC_LIBS) $(MICROHTTPD_LIBS) \
	$(UV_LIBS)
apexd_libapexdcore_la_SHORTNAME = apexd

apexd_apexd_SOURCES = apexd/main.c
apexd_apexd_CPPFLAGS = $(apexd_cppflags)
apexd_apexd_LDADD = apexd/libapexdcore.la
apexd_apexd_SHORTNAME = apexd

EXTRA_DIST += \
	apexd/schema/advise.json \
	apexd/schema/ctl.json \
	apexd/schema/frag.json \
	apexd/schema/hello.json \
	apexd/schema/map.json \
	apexd/schema/metrics.json \
	apexd/schema/numa.json \
	apexd/schema/processes.json \
	apexd/schema/profile.json \
	apexd/schema/rules.json \
	apexd/schema/stats.json \
	apexd/schema/subscribe.json \
	apexd/schema/topology.json \
	apexd/schema/tune.json

# For those who run a Prometheus.
monitoringdir = $(pkgdatadir)/monitoring
dist_monitoring_DATA = \
	apexd/monitoring/apex.rules.yml \
	apexd/monitoring/dashboard.json \
	apexd/monitoring/prometheus.yml

# Units of systemd: for the machine, and for one user. The sockets are the same but for their group,
# of which a user has none to give.
systemd_sockets = \
	apexd/systemd/apexd-control.socket \
	apexd/systemd/apexd-http.socket \
	apexd/systemd/apexd.socket

systemd_user_units = \
	apexd/systemd/user/apexd-control.socket \
	apexd/systemd/user/apexd-http.socket \
	apexd/systemd/user/apexd.service \
	apexd/systemd/user/apexd.socket

systemd_made = apexd/systemd/apexd.service $(systemd_user_units)
noinst_DATA += $(systemd_made)
CLEANFILES += $(systemd_made)
EXTRA_DIST += \
	$(systemd_sockets) \
	apexd/systemd/acting.conf \
	apexd/systemd/apexd.service.in \
	apexd/systemd/sysusers.conf \
	apexd/systemd/tmpfiles.conf \
	apexd/systemd/user.service.in

apexd/systemd/apexd.service: apexd/systemd/apexd.service.in Makefile
	$(AM_V_GEN)mkdir -p $(@D) && sed 's|[@]sbindir[@]|$(sbindir)|' \
		$(top_srcdir)/apexd/systemd/apexd.service.in >$@.new && mv $@.new $@

apexd/systemd/user/apexd.service: apexd/systemd/user.service.in Makefile
	$(AM_V_GEN)mkdir -p $(@D) && sed 's|[@]sbindir[@]|$(sbindir)|' \
		$(top_srcdir)/apexd/systemd/user.service.in >$@.new && mv $@.new $@

apexd/systemd/user/%.socket: apexd/systemd/%.socket
	$(AM_V_GEN)mkdir -p $(@D) && sed '/^SocketGroup=/d' \
		$(top_srcdir)/apexd/systemd/$(@F) >$@.new && mv $@.new $@

if SYSTEMDSYSTEMUNITDIR
systemdsystemunit_DATA = apexd/systemd/apexd.service $(systemd_sockets)
endif
if SYSTEMDUSERUNITDIR
systemduserunit_DATA = $(systemd_user_units)
endif

# Not in force until somebody links to it.
systemddropindir = $(pkgdatadir)/systemd
dist_systemddropin_DATA = apexd/systemd/acting.conf

# These two are called after the package where they go.
install-data-hook:
if SYSUSERSDIR
	$(MKDIR_P) '$(DESTDIR)$(sysusersdir)'
	$(INSTALL_DATA) $(top_srcdir)/apexd/systemd/sysusers.conf '$(DESTDIR)$(sysusersdir)/apexd.conf'
endif
if TMPFILESDIR
	$(MKDIR_P) '$(DESTDIR)$(tmpfilesdir)'
	$(INSTALL_DATA) $(top_srcdir)/apexd/systemd/tmpfiles.conf '$(DESTDIR)$(tmpfilesdir)/apexd.conf'
endif

uninstall-hook:
if SYSUSERSDIR
	rm -f '$(DESTDIR)$(sysusersdir)/apexd.conf'
endif
if TMPFILESDIR
	rm -f '$(DESTDIR)$(tmpfilesdir)/apexd.conf'
endif

EXTRA_DIST += apexd/README.md
