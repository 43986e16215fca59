// SPDX-License-Identifier: MIT
// Tells early (inotify(7)) that something has happened in the folders of the files that are read without being asked
// to: certificate and app versions. It is a hint: the files are looked at anyway from time to time, because not every
// change is seen, through links for instance.
#pragma once

#include "base/panic.h"

struct config;

// Watches the folders of tls_external_cert_and_key and of app_versions_path. A descriptor that becomes readable, or -1:
// no hints then.
int watch_open(const struct config *config, const char *app_versions_path);
// Takes what there is to read.
void watch_drain(int fd);
