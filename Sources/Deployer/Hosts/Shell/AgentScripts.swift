/// What is run on hosts for dvmsd. As ``HostScripts``.
enum AgentScripts {
    /// `$1` is the agent's folder, `$2` the name of its systemd unit. A program that was replaced while it ran has
    /// "(deleted)" behind its path. One that asks the agent is none.
    private static let words = #"""
        agent=$1 unit=$2
        processes() {
            find /proc/[0-9]* -maxdepth 1 -name exe -lname "$agent/dvmsd*" 2>/dev/null | cut -d/ -f3 |
                while read -r pid; do grep -qszx -e --ask "/proc/$pid/cmdline" || echo "$pid"; done
        }
        end() {
            if has_systemd; then systemctl stop "$unit" 2>/dev/null || true; fi
            for pid in $(processes); do kill "$pid" 2>/dev/null || true; done
            left=300
            while [ -n "$(processes)" ]; do
                left=$((left - 1))
                [ "$left" -gt 0 ] || { for pid in $(processes); do kill -9 "$pid" 2>/dev/null || true; done; }
                sleep 0.1
            done
        }

        """#

    private static func script(_ body: String) -> String { HostScripts.script(self.words + body) }

    /// `$1` folder. Only root looks into it: it holds a key.
    static let makeFolder = HostScripts.script(#"mkdir -p -m 700 "$1" "$1/tls" "$1/state""#)

    /// `$1` file; its text is read.
    static let write = HostScripts.script(
        #"""
        umask 077
        cat >"$1.part"
        mv -f "$1.part" "$1"
        """#)

    /// `$3` node, `$4` what stands for everything that makes this agent what it is, `$5` the deployment.
    ///
    /// Without systemd it is started once, and not again when the host boots.
    static let start = Self.script(
        #"""
        node=$3 stamp=$4
        if [ "$(cat "$agent/started" 2>/dev/null)" = "$stamp" ] && [ -n "$(processes)" ]; then exit 0; fi
        said=$("$agent/dvmsd" --version 2>&1) || lacks "what dvmsd needs: $said"
        end
        rm -f "$agent/started"
        : >"$agent/output"
        if has_systemd; then
            printf '%s\n' '[Unit]' "Description=dvmsd of the deployment $5" \
                'After=network-online.target libvirtd.service virtqemud.service' \
                '[Service]' "ExecStart=$agent/dvmsd --config $agent/dvmsd.yaml --node $node" \
                'Restart=on-failure' 'RestartSec=1' 'LimitNOFILE=16384' "StandardOutput=append:$agent/output" \
                '[Install]' 'WantedBy=multi-user.target' >"/etc/systemd/system/$unit.service"
            systemctl daemon-reload
            systemctl enable -q --now "$unit"
        else
            setsid "$agent/dvmsd" --config "$agent/dvmsd.yaml" --node "$node" \
                >"$agent/output" 2>"$agent/errors" </dev/null &
        fi
        left=600
        until grep -q '^ready ' "$agent/output"; do
            left=$((left - 1))
            if [ "$left" -eq 0 ] || { [ "$left" -lt 580 ] && [ -z "$(processes)" ]; }; then
                if has_systemd; then said=$(journalctl -q -n 3 -o cat -u "$unit" 2>/dev/null || true)
                else said=$(tail -n 3 "$agent/errors"); fi
                refuse "dvmsd is not ready: $said"
            fi
            sleep 0.1
        done
        printf %s "$stamp" >"$agent/started"
        """#)

    /// `$1` the agent's folder, `$2` node, `$3` request. Prints what `dvmsd --ask` does; nothing where there is no dvmsd.
    static let ask = HostScripts.script(
        #"""
        [ -x "$1/dvmsd" ] || exit 0
        "$1/dvmsd" --config "$1/dvmsd.yaml" --node "$2" --ask "$3"
        """#)

    /// The folder of dvmsd's socket goes with the last of them.
    static let remove = Self.script(
        #"""
        end
        if has_systemd && [ -e "/etc/systemd/system/$unit.service" ]; then
            systemctl disable -q "$unit"
            rm -f "/etc/systemd/system/$unit.service"
            systemctl daemon-reload
        fi
        rm -rf -- "$agent"
        rmdir /run/dvms 2>/dev/null || true
        """#)
}
