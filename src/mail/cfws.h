// SPDX-License-Identifier: MIT
// Comments and folding white space (RFC 5322 3.2.2), which may stand between the tokens of structured header fields.
#pragma once

#include <stdbool.h>

#include "base/slice.h"

// Takes blanks, folds and comments (nested, with quoted pairs) off the front of *s. False when a comment does not end;
// *s is empty then.
bool cfws_skip(struct slice *s);
