// SPDX-License-Identifier: MIT
// For tests: the control socket's service over memory, on a real store in a directory of its own.
#pragma once

#include <jansson.h>

#include "account/test_world.h"
#include "admin/control.h"
#include "admin/session.h"

struct control_fixture {
    struct test_world world;
    struct control_server server;
    char challenge[64]; // "token=authorization" that was set, "" when there is none
};
void control_fixture_open(struct control_fixture *f, const char *const *settings);
void control_fixture_close(struct control_fixture *f);
struct conn *control_fixture_connect(struct control_fixture *f);
// Sends octets and waits until everything that they ask has been answered.
void control_fixture_send(struct control_fixture *f, struct conn *c, const char *text, size_t len);
// What was answered since the last call; valid until the next.
const char *control_fixture_answer(struct conn *c);
