// SPDX-License-Identifier: MIT
// STATE/acme/status with any octets in it: what is read is fit for a terminal and says the same when it is written and
// read again.
#include "martlet/acme/status.h"

#include <stdlib.h>
#include <string.h>

#include "base/printable.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size) {
    char printable[ACME_NAMES_TEXT_MAX];
    ASSERT(size <= sizeof(printable) && memchr(text, '\0', size) != NULL);
    (void)memcpy(printable, text, strlen(text) + 1);
    printable_make(printable);
    ASSERT(strcmp(printable, text) == 0);
}

static void check_texts(const struct acme_status *s) {
    check_text(s->outcome, sizeof(s->outcome));
    check_text(s->detail, sizeof(s->detail));
    check_text(s->names, sizeof(s->names));
    check_text(s->directory, sizeof(s->directory));
    check_text(s->limited_by, sizeof(s->limited_by));
    check_text(s->email, sizeof(s->email));
    check_text(s->account, sizeof(s->account));
    check_text(s->account_at, sizeof(s->account_at));
}

static bool is_same(const struct acme_status *a, const struct acme_status *b) {
    return a->last_attempt_s == b->last_attempt_s && a->next_attempt_s == b->next_attempt_s &&
           a->failures == b->failures && a->ok == b->ok && strcmp(a->outcome, b->outcome) == 0 &&
           strcmp(a->detail, b->detail) == 0 && strcmp(a->names, b->names) == 0 &&
           strcmp(a->directory, b->directory) == 0 && strcmp(a->limited_by, b->limited_by) == 0 &&
           strcmp(a->email, b->email) == 0 && strcmp(a->account, b->account) == 0 &&
           strcmp(a->account_at, b->account_at) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct acme_status s, again;
    acme_status_parse(slice_make((const char *)data, size), &s);
    ASSERT(s.last_attempt_s >= 0 && s.next_attempt_s >= 0 && s.failures < 1000000);
    check_texts(&s);
    json_t *written = acme_status_to_json(&s);
    char *text = json_dumps(written, 0);
    ASSERT(text != NULL);
    acme_status_parse(slice_from_cstr(text), &again);
    ASSERT(is_same(&s, &again));
    free(text);
    json_decref(written);
    return 0;
}
