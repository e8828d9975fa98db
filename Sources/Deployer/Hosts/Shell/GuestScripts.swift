/// What is run on hosts for guests. As ``HostScripts``, and so that no guest is touched that bears another mark.
enum GuestScripts {
    /// `$1` is the guest, `$2` the deployment.
    private static let words = #"""
        name=$1 deployment=$2
        is_there() { virsh -q list --all --name | sed 's/ *$//' | grep -Fxq -- "$name"; }
        is_own() {
            virsh -q metadata "$name" urn:dvms:deployment 2>/dev/null | tr '"' "'" | grep -Fq "name='$deployment'"
        }
        state() { virsh -q domstate "$name" | head -n 1; }
        need_own() { is_own || refuse "there is a guest $name that is not the deployment's"; }

        """#

    static func script(_ body: String) -> String { HostScripts.script(self.words + body) }

    /// `$3` folder, `$4` image, `$5` GiB, `$6` to `$8` meta-data, user-data and network-config; the definition is read.
    /// Files appear under their names when they are whole. One at a time for each guest.
    static let ensure = Self.script(
        #"""
        folder=$3 image=$4 gib=$5
        disk=$folder/disks/$name.qcow2 seed=$folder/disks/$name.iso
        exec 9>"$folder/locks/$name"
        flock 9
        if ! is_there; then
            [ -f "$image" ] || refuse "the image $image is not there"
            if [ ! -f "$disk" ]; then
                format=$(qemu-img info "$image" | sed -n 's/^file format: //p')
                qemu-img create -q -f qcow2 -F "$format" -b "$image" "$disk.part" "${gib}G"
                mv "$disk.part" "$disk"
            fi
            work=$(mktemp -d)
            trap 'rm -rf "$work"' EXIT
            trap 'exit 75' HUP INT TERM PIPE
            printf %s "$6" >"$work/meta-data"
            printf %s "$7" >"$work/user-data"
            printf %s "$8" >"$work/network-config"
            genisoimage -quiet -V cidata -J -r -o "$seed.part" \
                "$work/meta-data" "$work/user-data" "$work/network-config"
            mv "$seed.part" "$seed"
            cat >"$work/guest.xml"
            virsh -q define --validate "$work/guest.xml" >/dev/null
        fi
        need_own
        case $(state) in
            running | idle | "no state" | "in shutdown") ;;
            paused) virsh -q resume "$name" >/dev/null ;;
            *) virsh -q start "$name" >/dev/null ;;
        esac
        """#)

    /// Prints `absent`, `running` or `stopped`. A guest of somebody else's is absent.
    static let tellState = Self.script(
        #"""
        if ! is_there || ! is_own; then echo absent; exit 0; fi
        case $(state) in running | idle | "no state" | "in shutdown") echo running ;; *) echo stopped ;; esac
        """#)

    /// `$1` is empty. Prints the names of the deployment's guests.
    static let list = Self.script(
        #"""
        command -v virsh >/dev/null || exit 0
        virsh -q list --all --name | sed 's/ *$//' | while read -r name; do
            [ -z "$name" ] || ! is_own || printf '%s\n' "$name"
        done
        """#)

    static let restart = Self.script(
        #"""
        is_there || refuse "the guest $name is not there"
        need_own
        virsh -q destroy "$name" >/dev/null 2>&1 || true
        virsh -q start "$name" >/dev/null
        """#)

    /// `$3` folder.
    static let remove = Self.script(
        #"""
        if command -v virsh >/dev/null && is_there && is_own; then
            [ "$(state)" = "shut off" ] || virsh -q destroy "$name" >/dev/null 2>&1 || true
            virsh -q undefine "$name" --managed-save --snapshots-metadata >/dev/null
        fi
        rm -f -- "$3/disks/$name.qcow2" "$3/disks/$name.qcow2.part" "$3/disks/$name.iso" "$3/disks/$name.iso.part" \
            "$3/locks/$name"
        """#)

    /// `$1` address. One packet, one second.
    static let reach = #"""
        ping -q -n -c 1 -W 1 "$1" >/dev/null 2>&1 && echo yes || echo no
        """#
}
