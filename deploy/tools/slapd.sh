#!/bin/sh
# Makes Debian's LDAP server available to a test without installing it: no
# root, no daemon, no install script. The packages are downloaded and unpacked
# into a cache directory, once.
#
# Prints one line on stdout, the path of a program that runs slapd with the
# libraries it needs. Its schema files lie in etc/ldap/schema beside usr/.
# What it does is said on stderr. The cache is .tools in the repository, or
# what CALLOUT_CACHE says.
set -eu

dir="${CALLOUT_CACHE:-$(dirname "$0")/../../.tools}/slapd"
mkdir -p "$dir"
dir="$(cd "$dir" && pwd)"
root="$dir/root"
program="$dir/slapd"

say() { echo "slapd.sh: $*" >&2; }

# fetch downloads a package and unpacks it; the package lists are brought up to
# date only when it cannot be had without.
fetch() {
	say "downloading $1 into $dir"
	if ! apt-get download "$1" >/dev/null 2>"$dir/apt.log"; then
		say "not found in the present package lists, running apt-get update"
		apt-get update >&2
		apt-get download "$1" >/dev/null 2>"$dir/apt.log" || { cat "$dir/apt.log" >&2; exit 1; }
	fi
	dpkg-deb -x "$1"_*.deb "$root"
	rm -f "$1"_*.deb
}

# lacking lists the shared libraries that slapd does not find.
lacking() { LD_LIBRARY_PATH="$libraries" ldd "$root/usr/sbin/slapd" | sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p'; }

# package names the Debian package of a library.
package() {
	case "$1" in
	liblber-2.5.so.0 | libldap-2.5.so.0) echo libldap-2.5-0 ;;
	liblber.so.2 | libldap.so.2) echo libldap2 ;;
	libltdl.so.7) echo libltdl7 ;;
	libwrap.so.0) echo libwrap0 ;;
	libsasl2.so.2) echo libsasl2-2 ;;
	libcrypt.so.1) echo libcrypt1 ;;
	libnsl.so.2) echo libnsl2 ;;
	libtirpc.so.3) echo libtirpc3 ;;
	libargon2.so.1) echo libargon2-1 ;;
	libodbc.so.2) echo libodbc2 ;;
	libperl.so.*) echo "libperl${1#libperl.so.}" ;;
	libgnutls.so.30) echo libgnutls30 ;;
	*) say "slapd needs $1, and no package of it is known here"; exit 1 ;;
	esac
}

if [ -d "$root/usr" ] && [ -x "$program" ] && "$program" -VV >/dev/null 2>&1; then
	say "already there: $("$program" -VV 2>&1 | head -n 1 | cut -c 1-60)"
	echo "$program"
	exit 0
fi
for tool in apt-get dpkg-deb ldd; do
	command -v "$tool" >/dev/null || { say "$tool is needed: this works on Debian and its relatives"; exit 1; }
done

mkdir -p "$root"
# One at a time: tests of several packages may ask for it at once.
if command -v flock >/dev/null && [ "${CALLOUT_SLAPD_LOCKED:-}" != yes ]; then
	self="$(cd "$(dirname "$0")" && pwd)/$(basename "$0")"
	CALLOUT_SLAPD_LOCKED=yes exec flock "$dir/lock" sh "$self"
fi
cd "$dir"
libraries="$root/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -dumpmachine 2>/dev/null || echo "$(uname -m)-linux-gnu")"
libraries="$libraries:$root/usr/lib"
[ -x "$root/usr/sbin/slapd" ] || fetch slapd
tries=0
while missing="$(lacking | head -n 1)" && [ -n "$missing" ]; do
	tries=$((tries + 1))
	[ "$tries" -le 20 ] || { say "slapd still lacks $missing"; exit 1; }
	name="$(package "$missing")"
	fetch "$name"
done

cat >"$program.new" <<END
#!/bin/sh
LD_LIBRARY_PATH="$libraries" exec "$root/usr/sbin/slapd" "\$@"
END
chmod +x "$program.new"
"$program.new" -VV >/dev/null 2>"$dir/version.log" || { cat "$dir/version.log" >&2; exit 1; }
mv "$program.new" "$program"
say "ready: $(head -n 1 "$dir/version.log" | cut -c 1-60)"
echo "$program"
