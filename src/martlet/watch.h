// SPDX-License-Identifier: MIT
// Tells early (inotify(7)) that something has happened in the folders of the certificate files. It is a hint: the files
// are looked at anyway from time to time, because not every change is seen, through links for instance.
#pragma once

#include "base/panic.h"

struct config;

// Watches the folders of tls_external_cert_and_key. A descriptor that becomes readable, or -1: no hints then.
int watch_open(const struct config *config);
// Takes what there is to read.
void watch_drain(int fd);
