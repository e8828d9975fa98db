import Basis
import Settings

/// What is run in guests to load them: POSIX shell that busybox understands, without anything installed. Where the guest
/// has stress-ng, that makes the CPU load.
package enum GuestLoadScripts {
    /// 70 tells that the guest cannot do what it is asked, with its words.
    static let refusedStatus = 70
    /// How much of the guest's disk is written to, again and again.
    static let diskMiB = 64
    /// Of a packet, without its headers: about what one may have, so that few make a high rate.
    private static let pingBytes = 65_000

    private static let words = #"""
        set -u
        PATH=/usr/sbin:/usr/bin:/sbin:/bin
        export PATH LC_ALL=C
        folder=/run/dvms-load
        disk=/var/tmp/dvms-load
        refuse() { echo "$1" >&2; exit 70; }
        # All of the session that a load is: some programs make process groups of their own.
        end() {
            leader=$(cat "$folder/leader" 2>/dev/null) || return 0
            rm -f "$folder/leader"
            grep -q dvms-load "/proc/$leader/cmdline" 2>/dev/null || return 0
            for stat in /proc/[0-9]*/stat; do
                read -r line 2>/dev/null <"$stat" || continue
                process=${line%% *}
                set -- ${line##*) }
                [ "$4" != "$leader" ] || kill -9 "$process" 2>/dev/null
            done
        }
        clear() {
            rm -f "$disk"
            ! grep -q " $folder/memory " /proc/mounts || umount "$folder/memory"
        }

        """#

    /// `$1` the worker, `$2` seconds, `$3` percent of each CPU, `$4` MiB of memory, `$5` MiB/s of it, `$6` MiB/s to the disk,
    /// `$7` address, `$8` MiB/s to it; 0 or empty: nothing. Takes the place of what was there.
    static let start =
        Self.words + #"""
            worker=$1 seconds=$2 percent=$3 size=$4 memory=$5 written=$6 address=$7 sent=$8
            mkdir -p "$folder/memory" || refuse "cannot write to $folder"
            if [ "$written" -gt 0 ]; then
                mkdir -p "${disk%/*}"
                case $(stat -f -c %T "${disk%/*}") in
                    tmpfs | ramfs | rootfs) refuse "there is no disk under ${disk%/*}" ;;
                esac
            fi
            [ "$sent" -eq 0 ] || command -v ping >/dev/null || refuse "there is no ping"
            end
            if [ "$size" -gt 0 ]; then
                have=$(stat -c %s "$folder/memory/area" 2>/dev/null || echo 0)
                if [ "$have" -ne $((size * 1048576)) ]; then
                    rm -f "$folder/memory/area"
                    free=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)
                    [ $((free / 1024)) -gt $((size + 8)) ] || refuse "only $((free / 1024)) MiB of memory are free"
                    options=size=$((size + 1))m
                    ! grep -q " $folder/memory " /proc/mounts || options=remount,$options
                    mount -t tmpfs -o "$options" dvms-load "$folder/memory" || refuse "no tmpfs can be mounted"
                fi
            fi
            setsid sh -c "$worker" dvms-load "$@" </dev/null >/dev/null 2>&1 &
            left=100
            until [ -e "$folder/leader" ]; do
                left=$((left - 1))
                [ "$left" -gt 0 ] || refuse "the load did not begin"
                sleep 0.1
            done
            """#

    static let stop =
        Self.words + #"""
            end
            clear
            """#

    /// Runs as a session of its own, with the arguments of ``start``. Each part ends by itself, at the end that all were
    /// told: by the guest's own time since it was booted, in hundredths of seconds.
    package static let worker =
        Self.words
            + #"""
            seconds=$2 percent=$3 size=$4 memory=$5 written=$6 address=$7 sent=$8
            now() { read -r now _ </proc/uptime; now=${now%.*}${now#*.}; }
            now
            end=$((now + seconds * 100))
            echo $$ >"$folder/leader.part" && mv "$folder/leader.part" "$folder/leader"

            # Until one second after $start, which then is the next one. Who is behind by more than a second, because the
            # guest got no CPU, does not make up for it.
            wait_for_next() {
                start=$((start + 100))
                now
                left=$((start - now))
                if [ "$left" -ge 100 ]; then sleep 1
                elif [ "$left" -ge 10 ]; then sleep "0.$left"
                elif [ "$left" -gt 0 ]; then sleep "0.0$left"
                elif [ "$left" -lt -100 ]; then start=$now
                fi
            }
            # A share of each second.
            spin() {
                now
                start=$now
                while [ "$now" -lt "$end" ]; do
                    until=$((start + percent))
                    while now; [ "$now" -lt "$until" ] && [ "$now" -lt "$end" ]; do
                        i=0
                        while [ "$i" -lt 300 ]; do i=$((i + 1)); done
                    done
                    wait_for_next
                done
            }
            # $1 file, $2 its MiB, at least 3, $3 MiB each second, $4 more for dd: each piece gets the content of the next one.
            # All were drawn at random, so that nothing can be left out because it is zero or as it was. A file of the right
            # size is written on.
            rewrite() {
                if [ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -ne $(($2 * 1048576)) ]; then
                    rm -f "$1"
                    dd if=/dev/urandom of="$1" bs=1048576 count="$2" 2>/dev/null || return
                fi
                now
                start=$now place=0
                while [ "$now" -lt "$end" ]; do
                    todo=$3
                    while [ "$todo" -gt 0 ]; do
                        count=$(($2 - 1 - place)) next=$((place + 1))
                        [ "$count" -gt 0 ] || count=1 next=0
                        [ "$count" -le "$todo" ] || count=$todo
                        dd if="$1" of="$1" bs=1048576 count="$count" skip="$next" seek="$place" \
                            conv=notrunc"$4" 2>/dev/null || return
                        place=$(((place + count) % $2)) todo=$((todo - count))
                    done
                    wait_for_next
                done
            }

            cpus=$(grep -c '^processor' /proc/cpuinfo)
            if [ "$percent" -gt 0 ] && command -v stress-ng >/dev/null; then
                stress-ng --quiet --cpu "$cpus" --cpu-load "$percent" --timeout "${seconds}s" &
            elif [ "$percent" -gt 0 ]; then
                while [ "$cpus" -gt 0 ]; do
                    spin &
                    cpus=$((cpus - 1))
                done
            fi
            [ "$size" -eq 0 ] || rewrite "$folder/memory/area" "$size" "$memory" "" &
            [ "$written" -eq 0 ] || rewrite "$disk" DISK_MIB "$written" ,fsync &
            if [ "$sent" -gt 0 ]; then
                gap=$((PING_BYTES * 1000 / 1048576 * 1000 / sent))
                ping -q -n -s PING_BYTES -i "$(printf '0.%06d' "$gap")" -w "$seconds" "$address" &
            fi
            wait
            clear
            rm -f "$folder/leader"
            """#
        .replacing("DISK_MIB", with: "\(Self.diskMiB)").replacing("PING_BYTES", with: "\(Self.pingBytes)")

    /// The script of a task with its arguments.
    package static func command(of task: GuestTask) -> (script: String, arguments: [String]) {
        let load = task.load
        guard load != .idle else { return (Self.stop, []) }
        let seconds = max(1, (task.duration.inMilliseconds + 999) / 1_000)
        return (
            Self.start,
            [
                Self.worker, "\(seconds)", "\(load.cpuPercent)", "\(load.memory?.sizeMiB ?? 0)",
                "\(load.memory?.mibPerSecond ?? 0)", "\(load.diskMiBPerSecond)",
                task.address.map { "\($0)" } ?? "", "\(task.address == nil ? 0 : load.traffic?.mibPerSecond ?? 0)",
            ]
        )
    }
}
