/// What is run on hosts to prepare them: portable shell, each script such that it may be run again at any time.
///
/// They share their ends: 69 tells that the host lacks what is said, 70 and all others that it refused, with its words.
enum HostScripts {
    static let lacksStatus = 69

    /// Ahead of every script: a failure ends it, and libvirt is the system's, in English. Where libvirt is one daemon for
    /// each hypervisor, QEMU's is virtqemud.
    private static let preamble = #"""
        set -eu
        export LC_ALL=C LIBVIRT_DEFAULT_URI=qemu:///system
        refuse() { echo "$1" >&2; exit 70; }
        lacks() { echo "$1" >&2; exit 69; }
        has_systemd() { [ -d /run/systemd/system ]; }
        has_virtqemud() { has_systemd && systemctl is-enabled -q virtqemud.socket 2>/dev/null; }

        """#

    static func script(_ body: String) -> String { self.preamble + body }

    /// Of Debian and its kin. `libvirt-daemon-system` is added where systemd runs, as it brings the units. dvmsd is linked
    /// against `libsqlite3-0`, which otherwise comes by chance, with QEMU's smart cards.
    static let packages = [
        "dnsmasq-base", "genisoimage", "iproute2", "iputils-ping", "libsqlite3-0", "libvirt-clients",
        "libvirt-daemon", "libvirt-daemon-driver-qemu", "qemu-system-x86", "qemu-utils", "util-linux",
    ]

    /// `$@`: packages. Nothing is asked of the network while nothing is missing.
    static let installPackages = Self.script(
        #"""
        ! has_systemd || set -- "$@" libvirt-daemon-system
        missing=
        for p; do
            dpkg-query -W -f='${Status}\n' "$p" 2>/dev/null | grep -qx 'install ok installed' || missing="$missing $p"
        done
        [ -n "$missing" ] || exit 0
        command -v apt-get >/dev/null || lacks "apt-get, to install$missing"
        export DEBIAN_FRONTEND=noninteractive
        # The host may have gone off while packages were set up. Where somebody does so now, apt waits for his end.
        [ -z "$(dpkg --audit)" ] || dpkg --force-confold --configure -a >&2 || true
        # A source that cannot be read is no harm where another one has what is missing.
        apt-get -qq -o DPkg::Lock::Timeout=120 update >&2 || true
        # Settings that were written here stay: nobody is there to be asked.
        apt-get -qq -o DPkg::Lock::Timeout=120 -o DPkg::Options::=--force-confold \
            install -y --no-install-recommends $missing >&2
        """#)

    /// Many machines of one make have the same UUID in their firmware, and libvirt migrates between no two hosts that
    /// show the same: so a random one is written down, unless one is. Guests run on while libvirt starts anew, which it
    /// does when it shows another one than is written down: whoever wrote that may have been stopped before the restart.
    ///
    /// Without systemd libvirt is started as it is, and not again when the host boots. Its user has the number that Debian
    /// keeps for it.
    static let startHypervisor = Self.script(
        #"""
        unit=libvirtd
        ! has_virtqemud || unit=virtqemud
        settings=/etc/libvirt/$unit.conf
        grep -q '^[[:space:]]*host_uuid[[:space:]]*=' "$settings" 2>/dev/null ||
            printf '\nhost_uuid = "%s"\n' "$(cat /proc/sys/kernel/random/uuid)" >>"$settings"
        # The package that makes the user of QEMU's processes brings systemd along.
        start_without_systemd() {
            getent group kvm >/dev/null || groupadd --system kvm
            getent group libvirt-qemu >/dev/null || groupadd --system --gid 64055 libvirt-qemu
            getent passwd libvirt-qemu >/dev/null ||
                useradd --system --uid 64055 --gid kvm --groups libvirt-qemu --no-create-home \
                    --home-dir /var/lib/libvirt --shell /usr/sbin/nologin libvirt-qemu
            mkdir -p /var/log/libvirt
            pgrep -x virtlogd >/dev/null || virtlogd -d
            libvirtd -d
        }
        if ! virsh -q version >/dev/null 2>&1; then
            if has_systemd; then systemctl start "$unit"; else start_without_systemd; fi
        fi
        virsh -q version >/dev/null
        # Hyphens and capitals do not count in a UUID.
        plain() { tr -d - | tr A-F a-f; }
        wanted=$(sed -n 's/^[[:space:]]*host_uuid[[:space:]]*=//p' "$settings" | plain)
        shows_it() {
            capabilities=$(virsh -q capabilities) || refuse "libvirt does not say which host UUID it has"
            told=$(printf '%s\n' "$capabilities" | sed -n 's:.*<uuid>\(.*\)</uuid>.*:\1:p' | plain)
            [ -n "$told" ] && printf '%s\n' "$wanted" | grep -Fq -- "$told"
        }
        if ! shows_it; then
            has_systemd ||
                refuse "libvirtd is to be started anew for its host UUID, and there is no systemd to do it"
            systemctl restart "$unit"
            shows_it || refuse "libvirt shows the host UUID '$told', which is not that of its settings"
        fi
        """#)

    /// `$1` folder, `$2` name of the pool.
    static let makeStorage = Self.script(
        #"""
        mkdir -p -m 711 "$1" "$1/images" "$1/disks" "$1/locks"
        if ! virsh -q pool-list --all --name | sed 's/ *$//' | grep -Fxq -- "$2"; then
            virsh -q pool-define-as "$2" dir --target "$1/disks" >/dev/null
        fi
        virsh -q pool-list --name | sed 's/ *$//' | grep -Fxq -- "$2" || virsh -q pool-start "$2" >/dev/null
        virsh -q pool-autostart "$2" >/dev/null
        """#)

    /// `$1` folder, `$2` name of the pool. Nothing is removed while libvirt does not answer: the pool would stay.
    static let removeStorage = Self.script(
        #"""
        lists() { printf '%s\n' "$1" | sed 's/ *$//' | grep -Fxq -- "$2"; }
        if [ -d "$1/disks" ] && command -v virsh >/dev/null; then
            all=$(virsh -q pool-list --all --name) || refuse "libvirt does not say which pools there are"
            active=$(virsh -q pool-list --name) || refuse "libvirt does not say which pools there are"
            if lists "$all" "$2"; then
                ! lists "$active" "$2" || virsh -q pool-destroy "$2" >/dev/null
                virsh -q pool-undefine "$2" >/dev/null
            fi
        fi
        rm -rf -- "$1"
        rmdir -- "${1%/*}" 2>/dev/null || true
        """#)

    // MARK: - Network

    /// A link that is down and bears no mark is the rest of a script that was stopped between making and marking it.
    private static let linkWords = #"""
        is_own() {
            [ -e "/sys/class/net/$1" ] || return 0
            alias=$(cat "/sys/class/net/$1/ifalias")
            [ "$alias" = "$mark" ] || { [ -z "$alias" ] && [ $(($(cat "/sys/class/net/$1/flags") & 1)) = 0 ]; }
        }

        """#

    /// `$1` bridge, `$2` mark, `$3` gateway with prefix length, `$4` MAC of the bridge, `$5` identifier, then all peers.
    ///
    /// Frames for whom nobody knows go to every peer ("head-end replication"), so nothing is asked of the network
    /// between the hosts but that UDP passes. The bridge has the same MAC on every host, like its address.
    static let makeOverlay = Self.script(
        Self.linkWords + #"""
            bridge=$1 mark=$2 gateway=$3 mac=$4 id=$5
            shift 5
            overlay=vx$id
            for link in "$bridge" "$overlay"; do
                is_own "$link" || refuse "there is a network link $link that is not the deployment's"
            done
            own= peers=
            for peer; do
                address=$(getent ahostsv4 "$peer" | sed -n '1s/ .*//p')
                [ -n "$address" ] || refuse "the address of $peer is not known here"
                if [ -n "$(ip -o -4 address show to "$address/32")" ]; then own=$address; else peers="$peers $address"; fi
            done
            [ -n "$own" ] || refuse "none of the deployment's hosts has an address of this one"
            uplink=$(ip -o -4 address show to "$own/32" | sed -n '1s/^[0-9]*: *\([^ @]*\).*/\1/p')
            mtu=$(($(cat "/sys/class/net/$uplink/mtu") - 50))
            [ -e "/sys/class/net/$bridge" ] ||
                ip link add name "$bridge" address "$mac" type bridge forward_delay 0
            ip link set "$bridge" alias "$mark"
            if [ -e "/sys/class/net/$overlay" ] && ! ip -d link show "$overlay" | grep -q " local $own "; then
                ip link delete "$overlay"
            fi
            [ -e "/sys/class/net/$overlay" ] ||
                ip link add name "$overlay" type vxlan id "$id" local "$own" dstport 4789
            ip link set "$overlay" alias "$mark"
            ip link set "$overlay" mtu "$mtu" master "$bridge" up
            ip link set "$bridge" mtu "$mtu" up
            ip address replace "$gateway" dev "$bridge"
            all=00:00:00:00:00:00
            known=$(bridge fdb show dev "$overlay" | sed -n "s/^$all dst \([0-9.]*\) .*/\1/p")
            for peer in $peers; do
                case " $(echo $known) " in *" $peer "*) ;; *) bridge fdb append "$all" dev "$overlay" dst "$peer" ;; esac
            done
            for peer in $known; do
                case " $peers " in *" $peer "*) ;; *) bridge fdb delete "$all" dev "$overlay" dst "$peer" ;; esac
            done
            """#)

    /// `$1` is the folder of what answers for names, below the deployment's own. Only what runs with it is ended.
    private static let nameWords = #"""
        names=$1
        server() { pgrep -f -x "dnsmasq --conf-file=$names/dnsmasq.conf" || true; }

        """#

    /// `$2` bridge, `$3` address, `$4` domain; lines of a hosts file are read. Other domains are not asked about: the
    /// network leads nowhere else.
    static let serveNames = Self.script(
        Self.nameWords + #"""
            bridge=$2 address=$3 domain=$4
            mkdir -p -m 755 "$names"
            cat >"$names/hosts.part"
            printf '%s\n' no-resolv no-hosts no-poll bind-interfaces user=root "interface=$bridge" except-interface=lo \
                "listen-address=$address" "domain=$domain" "local=/$domain/" expand-hosts "addn-hosts=$names/hosts" \
                "pid-file=$names/pid" >"$names/dnsmasq.conf.part"
            changed=
            cmp -s "$names/hosts.part" "$names/hosts" || changed=1
            mv -f "$names/hosts.part" "$names/hosts"
            if cmp -s "$names/dnsmasq.conf.part" "$names/dnsmasq.conf" && [ -n "$(server)" ]; then
                [ -z "$changed" ] || kill -HUP $(server)
                exit 0
            fi
            mv -f "$names/dnsmasq.conf.part" "$names/dnsmasq.conf"
            [ -z "$(server)" ] || kill $(server)
            left=50
            until dnsmasq --conf-file="$names/dnsmasq.conf" 2>"$names/errors"; do
                left=$((left - 1))
                [ "$left" -gt 0 ] || refuse "dnsmasq: $(cat "$names/errors")"
                sleep 0.1
            done
            """#)

    /// `$1` as in ``serveNames``.
    static let stopNames = Self.script(
        Self.nameWords + #"""
            [ -z "$(server)" ] || kill $(server)
            rm -rf -- "$names"
            """#)

    /// `$1` bridge, `$2` mark, `$3` identifier.
    static let removeOverlay = Self.script(
        Self.linkWords + #"""
            mark=$2
            for link in "$1" "vx$3"; do
                [ ! -e "/sys/class/net/$link" ] || ! is_own "$link" || ip link delete "$link"
            done
            """#)

    /// `$1` name. The bridge with the address over which the host is reached gets it as a second one; none is made, because
    /// that would move this address.
    static let joinBridge = Self.script(
        #"""
        ! ip -o link show "$1" >/dev/null 2>&1 || exit 0
        name=$1
        set -- ${SSH_CONNECTION:-}
        if [ $# -ge 3 ]; then
            uplink=$(ip -o address show to "$3" | sed -n '1s/^[0-9]*: *\([^ @]*\).*/\1/p')
        else
            uplink=$(ip -o route show default | sed -n '1s/.* dev \([^ ]*\).*/\1/p')
        fi
        [ -d "/sys/class/net/$uplink/bridge" ] ||
            lacks "a bridge over its uplink $uplink for a network without isolation"
        ip link property add dev "$uplink" altname "$name"
        """#)

    /// `$1` name.
    static let leaveBridge = Self.script(
        #"""
        if ip -o link show "$1" >/dev/null 2>&1; then
            real=$(ip -o link show "$1" | sed -n 's/^[0-9]*: *\([^:@]*\).*/\1/p')
            [ "$real" = "$1" ] || ip link property del dev "$real" altname "$1"
        fi
        """#)

    /// `$1` name. Prints how the host calls the bridge, and its MTU.
    static let showBridge = Self.script(
        #"""
        real=$(ip -o link show "$1" 2>/dev/null | sed -n 's/^[0-9]*: *\([^:@]*\).*/\1/p')
        [ -n "$real" ] || refuse "the network $1 is not there"
        echo "$real $(cat "/sys/class/net/$real/mtu")"
        """#)

    /// `$1` file. Prints its SHA-256; nothing where there is none.
    static let fileSum = Self.script(
        #"""
        if [ -f "$1" ]; then sum=$(sha256sum <"$1"); echo "${sum%% *}"; fi
        """#)
}
