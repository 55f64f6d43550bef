#!/bin/sh
# Puts Debian's LDAP server into .tools/slapd, for the tests that check the
# directory entries against a real one. It unpacks the packages there: nothing
# is installed in the system, no script of a package runs, no daemon starts.
#
# Leaves .tools/slapd/slapd, a starter that finds its libraries. Where there is
# neither apt-get nor a slapd in the PATH it fails and says what to install.
set -eu
cd "$(dirname "$0")/../.."
room=$PWD/.tools/slapd

if [ -x "$room/slapd" ] && "$room/slapd" -VV >/dev/null 2>&1; then
	echo "  slapd: $("$room/slapd" -VV 2>&1 | sed -n 's/.*slapd \([0-9.]*\).*/\1/p' | head -n 1), already in .tools/slapd"
	exit 0
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
	echo "slapd.sh: this system has no apt-get; make .tools/slapd/slapd a link to OpenLDAP's slapd" >&2
	exit 1
fi

rm -rf "$room"
mkdir -p "$room/deb"
cd "$room/deb"

# The package itself, and those libraries of it that the base system lacks.
packages="slapd"
for library in libldap-2.5-0 libldap-2.6 libldap2 libltdl7 libodbc2 libwrap0 libperl5.36 libperl5.40 libsasl2-2 libargon2-1; do
	packages="$packages $library"
done

fetch() {
	for package in $packages; do
		# A release of Debian has one of each library's names; the check
		# below finds what is really missing.
		if apt-get download -qq "$package" >/dev/null 2>&1; then continue; fi
		[ "$package" = slapd ] && return 1
	done
	return 0
}

if ! fetch; then
	echo "  refreshing the package lists of apt"
	apt-get update -qq
	fetch || {
		echo "slapd.sh: apt-get could not download slapd" >&2
		exit 1
	}
fi
for deb in *.deb; do dpkg-deb -x "$deb" "$room"; done
cd "$room"
rm -rf deb

cat >slapd <<'EOF'
#!/bin/sh
room=$(cd "$(dirname "$0")" && pwd)
LD_LIBRARY_PATH=$(echo "$room"/usr/lib/*-linux-gnu*):${LD_LIBRARY_PATH:-}
export LD_LIBRARY_PATH
exec "$room/usr/sbin/slapd" "$@"
EOF
chmod +x slapd
./slapd -VV >/dev/null 2>&1 || {
	echo "slapd.sh: the unpacked slapd does not start: $(./slapd -VV 2>&1 | tail -n 1)" >&2
	exit 1
}
echo "  slapd: $(./slapd -VV 2>&1 | sed -n 's/.*slapd \([0-9.]*\).*/\1/p' | head -n 1) from Debian's packages, unpacked into .tools/slapd"
