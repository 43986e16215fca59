#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# Mail::DKIM for the tests.
#     mail_dkim.pl verify KEYS FILE...                               prints a result for each file
#     mail_dkim.pl sign PEM DOMAIN SELECTOR METHOD FILE    prints the DKIM-Signature field
# KEYS has lines "query-name text".
use strict;
use warnings;
use Mail::DKIM::Signer;
use Mail::DKIM::Verifier;
use Mail::DKIM::TextWrap;
use Net::DNS;

my %records;
{
    no warnings 'redefine';
    *Mail::DKIM::DNS::query = sub {
        my ($name) = @_;
        return map { Net::DNS::RR->new(name => $name, type => 'TXT', txtdata => [unpack '(A255)*', $_]) }
            @{ $records{ lc $name } || [] };
    };
}

sub feed {
    my ($dkim, $path) = @_;
    open my $in, '<:raw', $path or die "$path: $!";
    local $/;
    $dkim->PRINT(<$in>);
    $dkim->CLOSE;
}

my $verb = shift @ARGV;
if ($verb eq 'verify') {
    open my $in, '<', shift @ARGV or die $!;
    while (<$in>) {
        chomp;
        push @{ $records{ lc $1 } }, $2 if /^(\S+) (.*)$/;
    }
    for my $path (@ARGV) {
        my $dkim = Mail::DKIM::Verifier->new;
        feed($dkim, $path);
        print $dkim->result_detail, "\n";
    }
} else {
    my ($pem, $domain, $selector, $method, $path) = @ARGV;
    my $dkim = Mail::DKIM::Signer->new(
        Algorithm => 'rsa-sha256', Method => $method, Domain => $domain, Selector => $selector, KeyFile => $pem);
    feed($dkim, $path);
    print $dkim->signature->as_string, "\015\012";
}
