// SPDX-License-Identifier: MIT
// libunbound's sockets and timers on one of our loops: its pluggable event interface (unbound-event.h), implemented
// over libevent's public functions. Not libunbound's own libevent glue: that would need the very copy of the library
// (there are libevent and libevent_core) that libunbound was linked with.
#pragma once

#include "net/loop.h"

struct ub_event_base;

// Loop thread only, like all that comes of it. Must outlive the ub_ctx that uses it.
struct ub_event_base *dns_events_new(struct loop *loop);
void dns_events_free(struct ub_event_base *base);
