/// What is run on hosts so that their libvirts reach each other for migrations, over TLS with the certificates of the
/// deployment's agents ([ADR 0021](../../../../docs/adr/0021-libvirts-know-each-other-by-the-agents-certificates.md)).
/// As ``HostScripts``.
///
/// `$1` is the folder of certificates, under the names that libvirt expects; `$2` the deployment.
enum MigrationScripts {
    /// Lines of the deployment in libvirt's settings stand between two of comment. The folder is there from before they
    /// are written until libvirt runs without them.
    private static let words = #"""
        pki=$1 settings=/etc/libvirt/libvirtd.conf qemu=/etc/libvirt/qemu.conf
        begin="# Of the DVMS deployment $2:" end="# That was of the DVMS deployment $2."
        others() { [ ! -e "$1" ] || sed -e "/^$begin\$/,/^$end\$/d" -e '$a\' "$1"; }
        sets() { others "$1" | grep -Eq "^[[:space:]]*($2)[[:space:]]*="; }
        # Without Debian's libvirt-daemon-system there is no file at first.
        put() {
            { others "$1"; [ -z "$2" ] || printf '%s\n' "$begin" "$2" "$end"; } >"$1.dvms-part"
            [ ! -e "$1" ] || chmod --reference="$1" "$1.dvms-part"
            mv -f "$1.dvms-part" "$1"
            [ -s "$1" ] || rm -f "$1"
        }
        # Its sockets are stopped too: through them it would be started again before the new one is there.
        restart_under_systemd() {
            systemctl stop libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket
            systemctl -q "$1" --now libvirtd-tls.socket
            systemctl start libvirtd.service
        }
        restart_alone() {
            for pid in $(pgrep -x libvirtd); do
                case "$(tr '\0' ' ' <"/proc/$pid/cmdline")" in
                    "libvirtd -d "|"libvirtd -d --listen ") kill "$pid" ;;
                    *) refuse "libvirtd is to be started anew, was not started by a deployment, and there is no systemd" ;;
                esac
            done
            left=300
            while pgrep -x libvirtd >/dev/null; do
                left=$((left - 1))
                [ "$left" -gt 0 ] || refuse "libvirtd does not end"
                sleep 0.1
            done
            libvirtd -d $1
        }

        """#

    private static func script(_ body: String) -> String { HostScripts.script(self.words + body) }

    /// `$3` how other hosts call this one, as in a URI; `$4` the folder with the agent's certificate, `$5` its node.
    ///
    /// Nothing is begun anew where libvirt answers as it is to. Guests run on while it starts.
    static let listen = Self.script(
        #"""
        host=$3 tls=$4 node=$5
        ! has_virtqemud ||
            refuse "libvirt runs as virtqemud here: have it listen, and name its address as migration_uri of the agents"
        answers() { said=$(virsh -q -c "qemu+tls://$host/system?pkipath=$pki" version 2>&1); }
        lines=$(printf '%s = "%s"\n' \
            ca_file "$pki/cacert.pem" cert_file "$pki/servercert.pem" key_file "$pki/serverkey.pem")
        bare=${host#[}
        data="migration_host = \"${bare%]}\""
        ! sets "$qemu" migration_host || data=
        stamp=$({ echo "$lines$data"; cat "$tls/ca.pem" "$tls/$node.pem"; } | sha256sum)
        if [ "$(cat "$pki/stamp" 2>/dev/null)" = "$stamp" ] && answers; then exit 0; fi
        if [ ! -d "$pki" ] && { sets "$settings" 'ca_file|cert_file|key_file' || [ -n "$(ss -Hltn 'sport = :16514')" ]; }; then
            refuse "libvirtd is set up for TLS already: name its address as migration_uri of the agents"
        fi
        umask 077
        mkdir -p "$pki"
        rm -f "$pki/stamp"
        cp "$tls/ca.pem" "$pki/cacert.pem"
        for role in client server; do
            cp "$tls/$node.pem" "$pki/${role}cert.pem"
            cp "$tls/$node.key" "$pki/${role}key.pem"
        done
        put "$settings" "$lines"
        put "$qemu" "$data"
        if has_systemd; then restart_under_systemd enable; else restart_alone --listen; fi
        left=100
        until answers; do
            left=$((left - 1))
            [ "$left" -gt 0 ] || refuse "libvirt does not answer over TLS: $said"
            sleep 0.1
        done
        echo "$stamp" >"$pki/stamp"
        """#)

    static let stopListening = Self.script(
        #"""
        [ -d "$pki" ] || exit 0
        put "$settings" ''
        put "$qemu" ''
        if has_systemd; then restart_under_systemd disable; else restart_alone ''; fi
        rm -rf -- "$pki"
        """#)
}
