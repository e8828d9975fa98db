/// What is run on hosts for guests. As ``HostScripts``, and so that no guest is touched that bears another mark.
///
/// A libvirt that does not answer is never taken for one without guests: whoever believed that would remove disks that
/// are in use, and make guests a second time.
enum GuestScripts {
    /// `$1` is the guest, `$2` the deployment.
    ///
    /// Answers go into variables first: in a pipe the failure of virsh would be lost, and in `$(...)` a refusal ends
    /// the inner shell alone. A guest may leave between two questions, as agents move it.
    private static let words = #"""
        name=$1 deployment=$2
        look() { domains=$(virsh -q list --all --name) || refuse "libvirt does not say which guests there are"; }
        is_there() { look; printf '%s\n' "$domains" | sed 's/ *$//' | grep -Fxq -- "$name"; }
        is_own() {
            if ! definition=$(virsh -q dumpxml "$name"); then
                is_there || return 1
                refuse "libvirt does not say what the guest $name is"
            fi
            printf '%s\n' "$definition" | tr '"' "'" | grep -F urn:dvms:deployment | grep -Fq "name='$deployment'"
        }
        ask_state() {
            state=$(virsh -q domstate "$name") && return
            ! is_there || refuse "libvirt does not say whether the guest $name runs"
            state=absent
        }
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
        ask_state
        case $state in
            running | idle | "no state" | "in shutdown") ;;
            paused) virsh -q resume "$name" >/dev/null ;;
            *) virsh -q start "$name" >/dev/null ;;
        esac
        """#)

    /// Prints `absent`, `running` or `stopped`. A guest of somebody else's is absent.
    static let tellState = Self.script(
        #"""
        if ! is_there || ! is_own; then echo absent; exit 0; fi
        ask_state
        case $state in
            running | idle | "no state" | "in shutdown") echo running ;;
            absent) echo absent ;;
            *) echo stopped ;;
        esac
        """#)

    /// `$1` is empty, `$3` folder. Prints the names of the deployment's guests. Where libvirt or the folder never came
    /// to be, no guest did.
    static let list = Self.script(
        #"""
        command -v virsh >/dev/null && [ -d "$3/disks" ] || exit 0
        look
        printf '%s\n' "$domains" | sed 's/ *$//' | while read -r name; do
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
    ///
    /// An ``ensure`` that outlives its caller is waited for: else it would start the guest behind this. The lock's file
    /// stays until the folder goes, as whoever waits for it would go on with a file that nobody else sees.
    static let remove = Self.script(
        #"""
        disks=$3/disks locks=$3/locks
        if [ -d "$locks" ]; then
            exec 9>"$locks/$name"
            flock 9
        fi
        if command -v virsh >/dev/null && is_there && is_own; then
            ask_state
            [ "$state" = "shut off" ] || virsh -q destroy "$name" >/dev/null 2>&1 || true
            if is_there; then
                ask_state
                case $state in "shut off" | absent) ;; *) refuse "the guest $name does not turn off" ;; esac
            fi
            ! is_there || virsh -q undefine "$name" --managed-save --snapshots-metadata >/dev/null
        fi
        rm -f -- "$disks/$name.qcow2" "$disks/$name.qcow2.part" "$disks/$name.iso" "$disks/$name.iso.part"
        """#)

    /// `$1` address. One packet, one second.
    static let reach = #"""
        ping -q -n -c 1 -W 1 "$1" >/dev/null 2>&1 && echo yes || echo no
        """#
}
