/// What is run on hosts to reach into guests, and to see what they take. As ``GuestScripts``.
enum GuestAgentScripts {
    /// `$3` is a guest-exec in JSON. Prints `elsewhere`; or `silent` with what there is instead of an answer; or `ended`
    /// with the exit status and, in base64, the errors. Short programs only: the host waits.
    ///
    /// A paused guest is one that is flowing in or out.
    static let execute = GuestScripts.script(
        #"""
        if ! is_there || ! is_own; then echo elsewhere; exit 0; fi
        ask_state
        [ "$state" = running ] || { echo elsewhere; exit 0; }
        ask() {
            answer=$(virsh -q qemu-agent-command --timeout 10 --domain "$name" --cmd "$1" 2>&1) && return
            printf 'silent %s\n' "$answer"
            exit 0
        }
        field() { printf %s "$answer" | sed -n "s/.*\"$1\": *\"\{0,1\}\([^,\"}]*\).*/\1/p"; }
        ask "$3"
        process=$(field pid)
        case $process in '' | *[!0-9]*) printf 'silent %s\n' "$answer"; exit 0 ;; esac
        left=150
        while :; do
            ask "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":$process}}"
            [ "$(field exited)" != true ] || break
            left=$((left - 1))
            [ "$left" -gt 0 ] || { echo "silent the order does not end"; exit 0; }
            sleep 0.1
        done
        printf 'ended %s %s\n' "$(field exitcode)" "$(field err-data)"
        """#)

    /// Prints the host's time since it was started, then for each of the deployment's guests that runs its name, its virtual
    /// CPUs, and how many nanoseconds they had.
    static let processorTimes = GuestScripts.script(
        #"""
        cut -d ' ' -f 1 /proc/uptime
        command -v virsh >/dev/null || exit 0
        running=$(virsh -q list --name --state-running) || refuse "libvirt does not say which guests run"
        printf '%s\n' "$running" | sed 's/ *$//' | while read -r name; do
            [ -n "$name" ] && is_own || continue
            virsh -q domstats --cpu-total --vcpu --domain "$name" 2>/dev/null |
                sed -n 's/^ *cpu\.time=/time /p; s/^ *vcpu\.current=/vcpus /p' |
                { time= vcpus=; while read -r key value; do
                    case $key in time) time=$value ;; vcpus) vcpus=$value ;; esac
                done; [ -z "$time" ] || [ -z "$vcpus" ] || echo "$name $vcpus $time"; }
        done
        """#)
}
