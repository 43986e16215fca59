// SPDX-License-Identifier: MIT
// Where the certificate comes from: files that the operator names; a self-signed pair that is made once in STATE/tls
// and never replaced, because clients remember its key; or what the ACME client keeps in STATE/acme, and before it is
// there a stand-in in memory.
#pragma once

#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

#include "base/panic.h"
#include "config/config.h"
#include "martlet/host/files.h"

struct certificate {
    char *cert_pem, *key_pem; // owned, NUL-terminated
};
void certificate_free(struct certificate *c); // wipes the key; the struct is the caller's; zeroed is accepted

// By the configuration's tls_external_cert_and_key. An ACME client may be replacing the pair; that they belong together
// is checked by whoever uses them.
MUST_USE bool certificate_read(const struct config *config, struct certificate *ret, char ret_error[FILES_ERROR_MAX]);
// Reads or makes STATE/tls/cert.pem and key.pem; state_fd is the state directory. No link is followed there. With
// `is_dev` the certificate is good for the loopback addresses too, and one for another domain is replaced.
MUST_USE bool certificate_self_signed(int state_fd, const struct config *config, bool is_dev, struct certificate *ret,
                                      char ret_error[FILES_ERROR_MAX]);

// Whether every user of the machine can read the private key that tls_external_cert_and_key names.
bool certificate_key_is_open(const struct config *config);
// Reads the pair of the ACME client; acme_fd is STATE/acme. No link is followed in the last component.
MUST_USE bool certificate_read_acme(int acme_fd, const char *mail_domain, struct certificate *ret,
                                    char ret_error[FILES_ERROR_MAX]);
// Makes a self-signed pair that is kept nowhere.
MUST_USE bool certificate_stand_in(const char *mail_domain, struct certificate *ret);

// What the two files looked like; differs once one of them was replaced, written or given other rights. Zeroed when
// they are not there.
struct certificate_stamp {
    struct {
        ino_t inode;
        off_t size;
        struct timespec changed;
    } file[2];
};
// Paths by `source`; nothing but zeroes for CERTIFICATE_FROM_SELF.
struct certificate_stamp certificate_look(const struct config *config, enum config_certificate_source source);
bool certificate_same(const struct certificate_stamp *a, const struct certificate_stamp *b);
