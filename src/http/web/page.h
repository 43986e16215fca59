// SPDX-License-Identifier: MIT
// How a page or a file of the snapshot is sent.
#pragma once

#include <stdint.h>

#include "base/slice.h"

struct http_exchange;
struct http_request;
struct page_file;
struct site;

// retry_s goes into Retry-After; 0: none. A 200 is a 304 for who has it already.
void page_send(struct site *s, struct http_exchange *x, uint16_t status, unsigned retry_s, const struct page_file *f);
// Accept-Language; may be empty.
struct slice page_wished_languages(const struct http_request *r);
