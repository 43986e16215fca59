// SPDX-License-Identifier: MIT
// Where the parent takes its bundles from: the configuration (a file, or text in the case of `martlet dev`), the
// options given on the command line, the certificate, and the app versions. Used at the start and again at each reload.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "martlet/acme/certificate.h"
#include "martlet/handover/app_versions_file.h"

struct bundle;
struct config;
struct ports;

struct source {
    const char *config_path;
    const char **overrides; // "key=value", NULL-terminated; borrowed
    bool is_dev;

    struct config *config; // of the last successful load; owned
    char *text;            // that it was read from, and that the relay gets; owned
    struct certificate self_signed;
    struct certificate stand_in;    // until the ACME client has a real one
    struct certificate issued;      // by a CA, as last seen whole: for when ACME's files are damaged, or not there yet
    struct certificate_stamp stamp; // of the files that were read last
    bool is_stale;                  // they could not be used
    bool has_certificate; // the last bundle held a pair that clients can verify, or that is meant to be as it is
    int64_t reminded_s;   // wall clock
    struct app_versions_file app_versions;
    bool has_new_versions; // that no bundle held yet
    bool has_turn;         // the sockets were opened at the start
    bool is_reload;        // complaints go to the log then, before that to the terminal
};

// Reads the configuration into s->config. False when it cannot be used; the complaints have been told.
MUST_USE bool source_load_config(struct source *s);
// Makes the state directory, gives it to the relay's user, and adds the control socket to `ports`. After
// source_load_config().
MUST_USE bool source_prepare(struct source *s, struct ports *ports);
// Looks at everything that a start would use, and changes nothing. False when it would fail, which has been told.
// *ret_runs: a relay runs with this state directory now. After source_load_config().
MUST_USE bool source_dry_run(struct source *s, bool *ret_runs);
// A bundle of the current s->config, however the file has changed since. NULL when the certificate cannot be read.
MUST_USE struct bundle *source_make_bundle(struct source *s, const struct ports *ports);
// Reads everything again. NULL when something is wrong: it has been logged, and the old configuration stands.
MUST_USE struct bundle *source_reload(struct source *s, const struct ports *ports);
// Where the certificate comes from. A relay for trying things out asks no CA unless it is told to.
enum config_certificate_source source_certificate_kind(const struct source *s);
// Whether the certificate files differ from what the last bundle was made of, and are good to use.
bool source_certificate_changed(struct source *s);
// Reads the file of app versions if it has changed. True when something else is to be told now, and again until a
// bundle has been made of it.
bool source_app_versions_changed(struct source *s);
// Says once a day that the certificate in force has trouble, for as long as it has.
void source_remind(struct source *s);
void source_done(struct source *s);
