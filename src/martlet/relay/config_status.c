// SPDX-License-Identifier: MIT
#include "martlet/relay/config_status.h"

#include <unistd.h>

#include "base/panic.h"
#include "config/config.h"

static const char *registration_text(enum config_registration r) {
    switch (r) {
    case REGISTRATION_OPEN:
        return "open";
    case REGISTRATION_INVITE:
        return "invite";
    case REGISTRATION_CLOSED:
        return "closed";
    }
    UNREACHABLE();
}

json_t *config_status_settings(const struct config *c) {
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "registration", registration_text(c->registration),
                     "username_min_length", (json_int_t)c->username_min_length, "username_max_length",
                     (json_int_t)c->username_max_length, "password_min_length", (json_int_t)c->password_min_length,
                     "max_message_octets", (json_int_t)c->max_message_size, "max_mailbox_octets",
                     (json_int_t)c->max_mailbox_size);
}

static void add(json_t *off, const char *text) {
    ASSERT(json_array_append_new(off, json_string(text)) == 0);
}

json_t *config_status_off(const struct config *c, bool pushes, bool iroh) {
    json_t *off = json_array();
    if (c->registration == REGISTRATION_CLOSED)
        add(off, "new accounts (registration)");
    else if (access(c->nocreate_path, F_OK) == 0)
        add(off, "new accounts (the nocreate file is there)");
    if (!pushes)
        add(off, c->push_gateway[0] == '\0' ? "notifications (push_gateway)" : "notifications (no public domain)");
    if (!c->turn)
        add(off, "TURN (turn)");
    if (!iroh)
        add(off, "iroh (iroh_relay)");
    if (c->disable_ipv6)
        add(off, "IPv6 (disable_ipv6)");
    return off;
}
