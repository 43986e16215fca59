// SPDX-License-Identifier: MIT
// The end of an operation's run, on an executor thread. Private to the store.
#pragma once

#include "store/store.h"

// Sends the operation to its loop, where done() is called; one without a loop is freed.
void op_complete(struct store_op *op);
