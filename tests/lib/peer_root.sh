#!/bin/sh
# Runs a program in a root of its own, made of this system with an unpacked package over it; what it writes is gone with it.
#     peer_root.sh TREE SHARED COMMAND...       within mount and process namespaces of its own (peers.py)
# SHARED is a folder that both sides see, inside as /lab; SHARED/files is laid over the root, SHARED/passwd and
# SHARED/group are added to those of the system.
set -eu
tree=$1
shared=$2
shift 2

# All parts of an overlay over / must lie on a file system that is not / itself.
space=$shared/space
mkdir -p "$space"
mount -t tmpfs -o mode=755 none "$space"
mkdir "$space/upper" "$space/work" "$space/root"
cp -a "$tree" "$space/tree"
mount -t overlay -o "lowerdir=$space/tree:/,upperdir=$space/upper,workdir=$space/work" none "$space/root"
root=$space/root

cat "$shared/passwd" >>"$root/etc/passwd"
cat "$shared/group" >>"$root/etc/group"
cp -R "$shared/files/." "$root/"
mkdir -p "$root/lab" "$root/run"
mount --bind "$shared" "$root/lab"
mount -t proc none "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 none "$root/tmp"
mount -t tmpfs -o mode=755 none "$root/run"
cd /
exec chroot "$root" "$@"
