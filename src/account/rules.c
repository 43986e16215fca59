// SPDX-License-Identifier: MIT
#include "account/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "account/invite.h"
#include "account/name.h"
#include "account/resources.h"
#include "base/clock.h"
#include "base/pressure.h"

enum { MIB = 1024 * 1024 };

PRINTF_LIKE(2, 3) static bool refuse(struct account_refusal *r, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(r->reason, sizeof(r->reason), fmt, args);
    va_end(args);
    return false;
}

static bool check_registration(struct account_creation *c, struct account_refusal *r) {
    switch (c->config->registration) {
    case REGISTRATION_OPEN:
        return true;
    case REGISTRATION_CLOSED:
        return refuse(r, "registration is closed");
    case REGISTRATION_INVITE:
        break;
    }
    ASSERT(c->secret != NULL);
    return account_invite_verify(c->secret, c->password, account_name_local_part(c->address), clock_wall_s(),
                                 c->ret_invitation) ||
           refuse(r, "the password proves no invitation");
}

static bool check_nocreate(struct account_creation *c, struct account_refusal *r) {
    const char *path = c->config->nocreate_path;
    return path[0] == '\0' || access(path, F_OK) != 0 || refuse(r, "the nocreate file exists");
}

static bool check_password(struct account_creation *c, struct account_refusal *r) {
    // One that proves an invitation is of our own making.
    return c->config->registration == REGISTRATION_INVITE || c->password.len >= c->config->password_min_length ||
           refuse(r, "password shorter than %u", c->config->password_min_length);
}

static bool check_local_part(struct account_creation *c, struct account_refusal *r) {
    struct slice local_part = account_name_local_part(c->address);
    if (!account_local_part_is_valid(local_part))
        return refuse(r, "local part has other characters than a-z 0-9 . _ -");
    if (local_part.len < c->config->username_min_length || local_part.len > c->config->username_max_length)
        return refuse(r, "local part length not within %u to %u", c->config->username_min_length,
                      c->config->username_max_length);
    return true;
}

static bool check_resources(struct account_creation *c, struct account_refusal *r) {
    struct account_resource_values v;
    account_resources_read(c->resources, &v);
    unsigned long long want_memory = c->config->min_available_memory / MIB;
    r->is_shortage = true;
    if (v.has_load && v.load_1m > c->config->max_load_1m)
        return refuse(r, "load avg %.2f > %.2f", v.load_1m, c->config->max_load_1m);
    if (v.has_memory && v.memory_mb < want_memory)
        return refuse(r, "available memory %lluMB < %lluMB", (unsigned long long)v.memory_mb, want_memory);
    r->is_shortage = false;
    return true;
}

// How far it is stands in the log where the pressure rose.
static bool check_pressure(struct account_creation *c, struct account_refusal *r) {
    (void)c;
    if (!pressure_refuses(PRESSURE_ACCOUNTS))
        return true;
    r->is_shortage = true;
    unsigned cause = 0;
    while (cause + 1 < PRESSURE_N_CAUSES && pressure_level((enum pressure_cause)cause) == 0)
        cause++;
    return refuse(r, "the relay is overloaded: %s", pressure_cause_names[cause]);
}

typedef bool rule(struct account_creation *c, struct account_refusal *r);

// In this order: what is cheap and certain first.
static rule *const person_rules[] = {check_registration, check_password, check_local_part, NULL};
static rule *const machine_rules[] = {check_nocreate, check_resources, check_pressure, NULL};

static bool allow(rule *const *rules, struct account_creation *c, struct account_refusal *r) {
    *r = (struct account_refusal){.reason = ""};
    for (; *rules != NULL; rules++)
        if (!(*rules)(c, r))
            return false;
    return true;
}

bool account_rules_allow(struct account_creation *c, struct account_refusal *ret_refusal) {
    return allow(person_rules, c, ret_refusal) && allow(machine_rules, c, ret_refusal);
}

bool account_rules_allow_offer(const struct config *config, struct account_resources *resources,
                               struct account_refusal *ret_refusal) {
    struct account_creation c = {.config = config, .resources = resources};
    return allow(machine_rules, &c, ret_refusal);
}
