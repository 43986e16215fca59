// SPDX-License-Identifier: MIT
// STUN and TURN packets (RFC 8489, RFC 8656) over the caller's memory: reading, writing, MESSAGE-INTEGRITY, FINGERPRINT
// and ChannelData. Nothing here allocates, logs, or knows a clock; what was parsed borrows the datagram.
//
// Addresses on the wire carry a family; struct net_address holds IPv4 as IPv4-mapped IPv6. So that an IPv4-mapped
// address of the IPv6 family cannot pass for an IPv4 one, a peer keeps the family that was written.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/address.h"

enum {
    TURN_HEADER_LEN = 20,
    TURN_ID_LEN = 12,
    TURN_KEY_LEN = 16,       // long-term key, MD5
    TURN_INTEGRITY_LEN = 20, // HMAC-SHA1
    TURN_CHANNEL_MIN = 0x4000,
    TURN_CHANNEL_MAX = 0x7fff, // RFC 5766; RFC 8656 ends at 0x4fff
    TURN_CHANNEL_HEADER_LEN = 4,
    TURN_UNKNOWN_MAX = 16, // attributes named in a 420
    TURN_TRANSPORT_UDP = 17,
    TURN_FAMILY_IPV4 = 1,
    TURN_FAMILY_IPV6 = 2,
};

// RFC 8489 section 5: class and method are woven into one number; here the class bits alone ...
enum turn_class {
    TURN_REQUEST = 0x0000,
    TURN_INDICATION = 0x0010,
    TURN_SUCCESS = 0x0100,
    TURN_ERROR = 0x0110,
};

// ... and the methods we know. All are below 0x10, so that type = class | method.
enum turn_method {
    TURN_BINDING = 0x1,
    TURN_ALLOCATE = 0x3,
    TURN_REFRESH = 0x4,
    TURN_SEND = 0x6,
    TURN_DATA = 0x7,
    TURN_CREATE_PERMISSION = 0x8,
    TURN_CHANNEL_BIND = 0x9,
};

enum turn_attribute {
    TURN_MAPPED_ADDRESS = 0x0001,
    TURN_USERNAME = 0x0006,
    TURN_MESSAGE_INTEGRITY = 0x0008,
    TURN_ERROR_CODE = 0x0009,
    TURN_UNKNOWN_ATTRIBUTES = 0x000a,
    TURN_CHANNEL_NUMBER = 0x000c,
    TURN_LIFETIME = 0x000d,
    TURN_XOR_PEER_ADDRESS = 0x0012,
    TURN_DATA_ATTRIBUTE = 0x0013,
    TURN_REALM = 0x0014,
    TURN_NONCE = 0x0015,
    TURN_XOR_RELAYED_ADDRESS = 0x0016,
    TURN_REQUESTED_ADDRESS_FAMILY = 0x0017,
    TURN_EVEN_PORT = 0x0018,
    TURN_REQUESTED_TRANSPORT = 0x0019,
    TURN_DONT_FRAGMENT = 0x001a,
    TURN_XOR_MAPPED_ADDRESS = 0x0020,
    TURN_RESERVATION_TOKEN = 0x0022,
    TURN_SOFTWARE = 0x8022,
    TURN_FINGERPRINT = 0x8028,
};

// What a message carries: bits of turn_message.has.
enum turn_has {
    TURN_HAS_USERNAME = 1 << 0,
    TURN_HAS_INTEGRITY = 1 << 1,
    TURN_HAS_ERROR_CODE = 1 << 2,
    TURN_HAS_CHANNEL_NUMBER = 1 << 3,
    TURN_HAS_LIFETIME = 1 << 4,
    TURN_HAS_PEER = 1 << 5,
    TURN_HAS_DATA = 1 << 6,
    TURN_HAS_REALM = 1 << 7,
    TURN_HAS_NONCE = 1 << 8,
    TURN_HAS_RELAYED = 1 << 9,
    TURN_HAS_FAMILY = 1 << 10,
    TURN_HAS_EVEN_PORT = 1 << 11,
    TURN_HAS_TRANSPORT = 1 << 12,
    TURN_HAS_DONT_FRAGMENT = 1 << 13,
    TURN_HAS_MAPPED = 1 << 14,
    TURN_HAS_RESERVATION_TOKEN = 1 << 15,
    TURN_HAS_FINGERPRINT = 1 << 16,
};

struct turn_peer {
    struct net_address address;
    bool ipv6; // the family on the wire; true with an IPv4-mapped address is never a peer (turn/peer_rules.h)
};

struct turn_message {
    struct slice octets; // the datagram
    enum turn_class class;
    uint16_t method; // perhaps none that we know
    const uint8_t *id;
    uint32_t has;
    bool malformed;      // an attribute that we know has a wrong form; what else was read counts
    uint16_t channel;    // as sent, in range or not
    uint16_t error_code; // 300 to 699
    uint32_t lifetime;   // s
    uint8_t transport;   // protocol number
    uint8_t family;      // as sent
    bool even_port_reserve;
    struct slice username, realm, nonce, data;
    struct slice token;       // RESERVATION-TOKEN, 8 octets
    struct turn_peer peer;    // the first XOR-PEER-ADDRESS; for the others turn_message_next_peer()
    struct turn_peer relayed; // XOR-RELAYED-ADDRESS, XOR-MAPPED-ADDRESS: for clients
    struct turn_peer mapped;
    size_t integrity_at;                // offset of MESSAGE-INTEGRITY when it is there
    size_t end;                         // where what counts ends: at MESSAGE-INTEGRITY, FINGERPRINT or the end
    uint16_t unknown[TURN_UNKNOWN_MAX]; // comprehension-required attributes that we do not know
    size_t unknown_count;               // at most TURN_UNKNOWN_MAX; more are not noted
};

enum turn_kind {
    TURN_KIND_OTHER,   // neither: dropped
    TURN_KIND_STUN,    // begins like a STUN message; turn_message_parse() says the rest
    TURN_KIND_CHANNEL, // begins like ChannelData
};

// What a datagram is, by its first octet (RFC 8656 section 12).
enum turn_kind turn_packet_kind(struct slice datagram);

// ---- reading ----

// One STUN message that is the whole datagram. False when it is none (too short, no cookie, a length that is not the
// datagram's or not a multiple of 4, an attribute that reaches beyond the end, a FINGERPRINT that is wrong or not
// last): nothing is to be answered then, and *ret is undefined. Of an attribute that stands more than once the first
// counts; after MESSAGE-INTEGRITY only FINGERPRINT does, and MESSAGE-INTEGRITY itself is not checked here. What is
// unknown or malformed is noted and does not end the parsing, so that the sender can be authenticated before it is
// told.
MUST_USE bool turn_message_parse(struct slice datagram, struct turn_message *ret);

// All XOR-PEER-ADDRESS attributes in turn, malformed ones left out. *at is 0 before the first call; false after the
// last.
MUST_USE bool turn_message_next_peer(const struct turn_message *m, size_t *at, struct turn_peer *ret);

// Whether MESSAGE-INTEGRITY is there and was made with this key. In constant time.
MUST_USE bool turn_message_verify(const struct turn_message *m, const uint8_t key[TURN_KEY_LEN]);
// The same with a key of any length: short-term credentials (RFC 8489 section 9.1), whose key is the password.
MUST_USE bool turn_message_verify_short_term(const struct turn_message *m, struct slice key);

// ChannelData; padding and whatever follows are left out. False when it is shorter than it says, or the channel is out
// of range.
MUST_USE bool turn_channel_parse(struct slice datagram, uint16_t *ret_channel, struct slice *ret_data);

// ---- writing ----

// Writes one message into the caller's memory. An attribute that does not fit is left out with all that follow, and
// turn_writer_end() says so. Order: the attributes, then the integrity, then the fingerprint.
struct turn_writer {
    uint8_t *mem;
    size_t size;
    size_t len;
    bool failed;
};

void turn_writer_begin(struct turn_writer *w, void *mem, size_t size, enum turn_class class, uint16_t method,
                       const uint8_t id[TURN_ID_LEN]);
// The same for the answer to a request.
void turn_writer_answer(struct turn_writer *w, void *mem, size_t size, enum turn_class class,
                        const struct turn_message *request);
void turn_put_octets(struct turn_writer *w, enum turn_attribute attribute, struct slice value);
void turn_put_u32(struct turn_writer *w, enum turn_attribute attribute, uint32_t value); // e.g. LIFETIME
// CHANNEL-NUMBER: the number and two reserved octets.
void turn_put_channel(struct turn_writer *w, uint16_t channel);
// An XOR address of the family that the address has.
void turn_put_address(struct turn_writer *w, enum turn_attribute attribute, const struct net_address *address);
// ERROR-CODE; the reason may be empty.
void turn_put_error(struct turn_writer *w, unsigned code, struct slice reason);
// UNKNOWN-ATTRIBUTES, at most TURN_UNKNOWN_MAX.
void turn_put_unknown(struct turn_writer *w, const uint16_t *attributes, size_t count);
void turn_put_integrity(struct turn_writer *w, const uint8_t key[TURN_KEY_LEN]);
void turn_put_fingerprint(struct turn_writer *w);
// Fills in the length. The whole message, or an empty slice when something did not fit.
MUST_USE struct slice turn_writer_end(struct turn_writer *w);

// ---- what a peer sent, without copying it ----

enum {
    TURN_HEADROOM = 48, // octets to keep free before the data: header, XOR-PEER-ADDRESS of IPv6, the head of DATA
    TURN_TAILROOM = 3,  // and after it: padding
    TURN_DATA_MAX = 0xff00,
};

// Writes a Data indication around `data` (len <= TURN_DATA_MAX), into the free room before and after it. Returns the
// datagram.
struct slice turn_wrap_data(uint8_t *data, size_t len, const struct net_address *peer, const uint8_t id[TURN_ID_LEN]);
// The same as ChannelData, without padding.
struct slice turn_wrap_channel(uint8_t *data, size_t len, uint16_t channel);
