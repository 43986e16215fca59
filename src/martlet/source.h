// SPDX-License-Identifier: MIT
// Where the parent takes its bundles from: the configuration (a file, or text in the case of `martlet dev`), the
// options given on the command line, and the certificate. Used at the start and again at each reload.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "martlet/certificate.h"

struct bundle;
struct config;
struct ports;

struct source {
    const char *config_path;
    const char **overrides; // "key=value", NULL-terminated; borrowed
    bool is_dev;

    struct config *config; // of the last successful load; owned
    struct certificate self_signed;
    struct certificate_stamp stamp;
    bool is_reload; // complaints go to the log then, before that to the terminal
};

// Reads the configuration into s->config. False when it cannot be used; the complaints have been told.
MUST_USE bool source_load_config(struct source *s);
// Makes the state directory, gives it to the relay's user, and has the certificate ready. After source_load_config().
MUST_USE bool source_prepare(struct source *s);
// A bundle of the current s->config. NULL when the certificate cannot be read.
MUST_USE struct bundle *source_make_bundle(struct source *s, const struct ports *ports);
// Reads everything again. NULL when something is wrong: it has been logged, and the old configuration stands.
MUST_USE struct bundle *source_reload(struct source *s, const struct ports *ports);
// Whether the certificate files differ from what the last bundle was made of.
bool source_certificate_changed(const struct source *s);
void source_done(struct source *s);
