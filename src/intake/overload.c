// SPDX-License-Identifier: MIT
#include "base/pressure.h"
#include "intake/intake.h"

const char *intake_overloaded(void) {
    if (!pressure_refuses(PRESSURE_DELIVERIES))
        return NULL;
    // RFC 3463 3.4: X.3.1 mail system full, X.3.2 system not accepting network messages. The first is of use to people:
    // it says that time alone will not help.
    bool is_disk = pressure_level(PRESSURE_DISK) == PRESSURE_LEVEL_MAX;
    return is_disk ? "452 4.3.1 Error: insufficient system storage" : "451 4.3.2 Error: too busy, try again later";
}
