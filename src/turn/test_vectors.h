// SPDX-License-Identifier: MIT
// The samples of RFC 5769, for tests and the seeds of fuzzing.
#pragma once

// 2.1: request of short-term credentials, with FINGERPRINT.
#define RFC5769_REQUEST                                                                                                \
    "000100582112a442b7e7a701bc34d686fa87dfae80220010" /* SOFTWARE */                                                  \
    "5354554e207465737420636c69656e74002400046e0001ff" /* PRIORITY */                                                  \
    "80290008932ff9b151263b36"                         /* ICE-CONTROLLED */                                            \
    "000600096576746a3a68367659202020"                 /* USERNAME, padded with blanks */                              \
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"                                                                 \
    "80280004e57a3bcf"
// 2.2, 2.3: responses.
#define RFC5769_IPV4_RESPONSE                                                                                          \
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b"                                                                 \
    "7465737420766563746f7220"                                                                                         \
    "002000080001a147e112a643" /* XOR-MAPPED-ADDRESS */                                                                \
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"                                                                 \
    "80280004c07d4c96"
#define RFC5769_IPV6_RESPONSE                                                                                          \
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b"                                                                 \
    "7465737420766563746f7220"                                                                                         \
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"                                                                 \
    "00080014a382954e4be67bf11784c97c8292c275bfe3ed41"                                                                 \
    "80280004c8fb0b4c"
#define RFC5769_SHORT_TERM_PASSWORD "VOkJxbRl1RmTxUk/WvJxBt"
// 2.4: request of long-term credentials.
#define RFC5769_LONG_TERM_REQUEST                                                                                      \
    "000100602112a44278ad3433c6ad72c029da412e"                                                                         \
    "00060012e3839ee38388e383aae38383e382afe382b90000"                                                                 \
    "0015001c662f2f3439396b39353464364f4c33346f4c39465354767936347341"                                                 \
    "0014000b6578616d706c652e6f726700"                                                                                 \
    "00080014f67024656dd64a3e02b8e0712e85c9a28ca89666"
#define RFC5769_LONG_TERM_USER "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9"
#define RFC5769_LONG_TERM_NONCE "f//499k954d6OL34oL9FSTvy64sA"
#define RFC5769_LONG_TERM_ID "78ad3433c6ad72c029da412e"
#define RFC5769_LONG_TERM_PASSWORD "TheMatrIX" // after SASLprep
