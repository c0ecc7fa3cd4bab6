// SPDX-License-Identifier: MIT
//
// The trigger; see pressure.h.

#include "apexd/pressure.h"

#include "apexd/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

// Somebody waited for 200 ms of 2 s; a window of whole 2 s needs no privilege.
static const char trigger[] = "some 200000 2000000";

static void
pressure_on_event(uv_poll_t *poll, int status, int events)
{
    struct pressure *pressure = poll->data;

    if (status < 0) {
        uv_poll_stop(poll); // the control group or the file is gone
    } else if (events != 0) {
        log_event(LOG_LEVEL_INFO, "tasks wait for memory on this machine");
        act_press(pressure->act, pressure->roster, uv_hrtime());
    }
}

static void
pressure_on_close(uv_handle_t *handle)
{
    struct pressure *pressure = handle->data;
    close(pressure->fd);
}

void
pressure_start(struct pressure *pressure, uv_loop_t *loop, struct act *act, struct roster *roster)
{
    *pressure = (struct pressure){.act = act, .roster = roster, .fd = -1};
    const char *path = act->shortage.pressure_path;

    if (!act->enabled) {
        return;
    }
    // A regular file, which a test puts in the kernel's place, must keep its contents. Before Linux
    // 6.4 to open it for writing takes CAP_SYS_RESOURCE.
    int fd = strncmp(path, "/proc/", 6) == 0 ? open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK) : -1;
    if (fd < 0 || write(fd, trigger, sizeof trigger) < 0 ||
        uv_poll_init(loop, &pressure->poll, fd) != 0) {
        log_event(LOG_LEVEL_INFO, "no trigger for memory pressure: its averages are read");
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    pressure->fd = fd;
    pressure->poll.data = pressure;
    uv_poll_start(&pressure->poll, UV_PRIORITIZED, pressure_on_event);
}

void
pressure_stop(struct pressure *pressure)
{
    if (pressure->fd >= 0) {
        uv_close((uv_handle_t *)&pressure->poll, pressure_on_close);
    }
}
