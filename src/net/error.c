// SPDX-License-Identifier: MIT
#include "net/error.h"

#include <errno.h>

const char *net_error_text(int error) {
    switch (error) {
    case ECONNREFUSED:
        return "connection refused";
    case ETIMEDOUT:
        return "timed out";
    case ECONNRESET:
    case EPIPE:
        return "connection reset";
    case ENETUNREACH:
    case ENETDOWN:
        return "network unreachable";
    case EHOSTUNREACH:
    case EHOSTDOWN:
        return "host unreachable";
    case EACCES:
    case EPERM:
        return "not permitted here";
    case EAFNOSUPPORT:
    case EADDRNOTAVAIL:
        return "no address of this kind here";
    case EMFILE:
    case ENFILE:
        return "no file descriptor left";
    case ENOBUFS:
    case ENOMEM:
        return "no memory left for sockets";
    default:
        return "network error";
    }
}
