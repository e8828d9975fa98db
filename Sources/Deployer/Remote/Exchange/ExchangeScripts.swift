/// What is run on hosts to have a file there in chunks, from each other or from the deployer: portable shell.
///
/// All lies in one folder, readable to its owner alone. Below it a file has a folder named by its SHA-256, with `shape` (bytes,
/// bytes of a chunk, chunks), `manifest` (a line of 65 bytes for each chunk), `data`, which only holds what was found right, and in
/// `have` an empty file for each chunk that is in `data`: so a transfer that was stopped goes on where it was.
///
/// What a source answers are heads of 24 bytes: a word of five letters, the chunk in eight digits, its bytes in eight
/// digits; behind `chunk` its bytes follow. `later` says that the chunk is on its way to the source itself, `never` that it is not.
enum ExchangeScripts {
    /// What arrived is not what was sent.
    static let damagedStatus = 65

    /// Ahead of every script but ``serve`` and ``end``: `$1` to `$7`.
    private static let preamble = #"""
        set -eu
        umask 077
        export LC_ALL=C
        folder=$1 sha=$2 size=$3 chunk=$4 count=$5 target=$6 mode=$7
        place=$folder/$sha
        shift 7
        refuse() { echo "$1" >&2; exit 70; }
        # What lies in it is run, and may be in a folder where others may write.
        own_folder() {
            [ -d "$folder" ] || mkdir "$folder" 2>/dev/null || [ -d "$folder" ] ||
                refuse "there is no folder ${folder%/*}, or none that may be written to"
            if [ ! -O "$folder" ] || [ -L "$folder" ]; then refuse "$folder is there and somebody else's"; fi
            chmod 700 "$folder"
        }
        # openssl knows the processor's instructions for it, where it is there: several times as fast.
        empty=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
        hashed() { sha256sum; }
        if [ "$(openssl dgst -sha256 -r </dev/null 2>/dev/null | cut -c 1-64)" = "$empty" ]; then
            hashed() { openssl dgst -sha256 -r; }
        fi
        list() {
            i=0
            while [ "$i" -lt "$count" ]; do
                number=$(printf %08d "$i")
                [ -e "$place/have/$number" ] || echo "$number"
                i=$((i + 1))
            done
        }
        digest() { dd if="$place/manifest" bs=65 skip="$1" count=1 2>/dev/null; }

        """#

    /// Makes the folder of the file, and takes over chunks of an older file of the same name. The manifest is read. With
    /// `$1` = `key` there is a key pair in the end, whose private half never leaves the host, unless the host has no ssh.
    ///
    /// Prints `complete`, or `missing` with a number and then each chunk that is missing; before that perhaps the public key.
    static let begin =
        Self.preamble + #"""
            own_folder
            mkdir -p "$place/have"
            for other in "$folder"/*; do
                if [ -d "$other" ] && [ "$other" != "$place" ]; then rm -rf -- "$other"; fi
            done
            trap 'rm -f "$place/fetcher"' EXIT
            trap 'exit 75' HUP INT TERM PIPE
            echo "$$" >"$place/fetcher"
            tell_shape() {
                echo "$size $chunk $count" >"$place/shape.$$"
                mv -f "$place/shape.$$" "$place/shape"
            }
            if [ -f "$target" ]; then
                sum=$(hashed <"$target")
                if [ "${sum%% *}" = "$sha" ]; then
                    ln -f "$target" "$place/data" 2>/dev/null || ln -sf "$target" "$place/data"
                    chmod "$mode" "$target"
                    : >"$place/complete"
                    tell_shape
                    echo complete
                    exit 0
                fi
            fi
            # What was complete is one with a file that was changed since then; chunks of another size have other numbers.
            if [ -e "$place/complete" ] || { [ -e "$place/shape" ] && [ "$(cat "$place/shape")" != "$size $chunk $count" ]; }
            then
                rm -rf -- "$place/complete" "$place/data" "$place/have" "$place/looked-at-old"
                mkdir "$place/have"
            fi
            cat >"$place/manifest.$$"
            [ "$(($(wc -c <"$place/manifest.$$")))" = "$((count * 65))" ] || refuse "the manifest did not arrive whole"
            mv -f "$place/manifest.$$" "$place/manifest"
            [ -e "$place/data" ] || : >"$place/data"
            if [ -f "$target" ] && [ ! -e "$place/looked-at-old" ]; then
                for number in $(list); do
                    i=$((1$number - 100000000))
                    sum=$(dd if="$target" bs="$chunk" skip="$i" count=1 2>/dev/null | hashed)
                    [ "${sum%% *}" = "$(digest "$i")" ] || continue
                    dd if="$target" of="$place/data" bs="$chunk" skip="$i" seek="$i" count=1 conv=notrunc 2>/dev/null
                    : >"$place/have/$number"
                done
                : >"$place/looked-at-old"
            fi
            tell_shape
            if [ "${1:-}" = key ] && command -v ssh >/dev/null && command -v ssh-keygen >/dev/null; then
                if [ ! -e "$folder/key" ]; then
                    rm -f "$folder/key.new" "$folder/key.new.pub"
                    ssh-keygen -q -t ed25519 -N '' -C '' -f "$folder/key.new"
                    mv -f "$folder/key.new.pub" "$folder/key.pub"
                    mv -f "$folder/key.new" "$folder/key"
                fi
                echo "key $(cut -d ' ' -f 1,2 "$folder/key.pub")"
            fi
            list >"$place/missing.$$"
            echo "missing $(($(wc -l <"$place/missing.$$")))"
            cat "$place/missing.$$"
            rm -f "$place/missing.$$"
            """#

    /// Takes chunks in, each only if it is what the manifest says, and gives the file its name when all are there.
    private static let receiving = #"""
        work=$(mktemp -d "$place/work.XXXXXX")
        sender= taken=0
        leave() {
            [ -z "$sender" ] || kill "$sender" 2>/dev/null || :
            [ "$(cat "$place/fetcher" 2>/dev/null)" != "$$" ] || rm -f "$place/fetcher"
            rm -rf "$work"
        }
        trap leave EXIT
        trap 'exit 75' HUP INT TERM PIPE
        echo "$$" >"$place/fetcher"
        receive() {
            left=$1 waits=0 why=
            while [ "$left" -gt 0 ]; do
                header=$(timeout "$silence" head -c 24) || :
                case $header in
                    later\ *)
                        waits=$((waits + 1))
                        [ "$waits" -le "$waits_max" ] || { why="it waits too long itself"; return 0; }
                        continue ;;
                    never\ *) why="it does not have it and does not get it"; return 0 ;;
                    chunk\ [0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]\ *) ;;
                    "") why="it is silent or gone"; return 0 ;;
                    *) why="it does not answer as it should"; return 0 ;;
                esac
                number=${header#chunk }
                number=${number%% *}
                index=$((1$number - 100000000)) length=$chunk
                [ "$index" -ne "$((count - 1))" ] || length=$((size - index * chunk))
                [ "$index" -lt "$count" ] && [ "$header" = "chunk $number $(printf %08d "$length")" ] ||
                    { why="it does not answer as it should"; return 0; }
                sum=$(timeout "$stall" head -c "$length" | tee "$work/piece" | hashed)
                [ "$(($(wc -c <"$work/piece")))" = "$length" ] || { why="it broke off"; return 0; }
                [ "${sum%% *}" = "$(digest "$index")" ] || { why="what it sent is damaged"; return 0; }
                dd if="$work/piece" of="$place/data" bs="$chunk" seek="$index" conv=notrunc 2>"$work/complaint" ||
                    { cat "$work/complaint" >&2; exit 73; }
                [ -e "$place/have/$number" ] || taken=$((taken + 1))
                : >"$place/have/$number"
                left=$((left - 1)) waits=0
            done
        }
        finish() {
            list >"$work/missing"
            if [ -s "$work/missing" ]; then
                echo "missing $(($(wc -l <"$work/missing")))"
                cat "$work/missing"
                return 0
            fi
            # What this run did not take in itself may be from before a crash that the disk did not keep all of.
            sum=$sha
            [ "$taken" = "$count" ] || sum=$(hashed <"$place/data")
            if [ "${sum%% *}" != "$sha" ]; then
                rm -rf "$place/have" "$place/data"
                printf 'damaged %s\n' "${sum%% *}"
                exit 65
            fi
            ln -f "$place/data" "$target.$$.part" 2>/dev/null || cp "$place/data" "$target.$$.part"
            chmod "$mode" "$target.$$.part"
            # It refuses two names of one file, as there are when another run was quicker.
            if ! mv -f "$target.$$.part" "$target" 2>"$work/complaint"; then
                rm -f "$target.$$.part"
                sum=$(hashed <"$target")
                [ "${sum%% *}" = "$sha" ] || { cat "$work/complaint" >&2; exit 73; }
            fi
            : >"$place/complete"
            echo complete
        }

        """#

    /// Chunks from the deployer, which are read, each behind its head. `$1`: how many; `$2`: the seconds for each.
    static let push =
        Self.preamble + #"""
            silence=$2 stall=$2 waits_max=0
            """# + "\n" + Self.receiving + #"""
            receive "$1"
            [ -z "$why" ] || refuse "from the deployer: $why"
            finish
            """#

    /// Chunks from other hosts, one after the other: `$1` seconds without a word, `$2` seconds for a chunk, `$3` how often a source
    /// may say `later`. What vouches for their keys is read. Behind it stands a line ``from(_:_:)`` for each source, and `finish`.
    ///
    /// Prints `got` with the source and how many chunks it gave, and for those that did not give all `passed` with the source, the
    /// chunk and why.
    static let fetch =
        Self.preamble + #"""
            silence=$1 stall=$2 waits_max=$3
            """# + "\n" + Self.receiving + #"""
            cat >"$folder/known_hosts"
            from() {
                source=$1
                shift
                list >"$work/missing"
                asked=$(($(wc -l <"$work/missing")))
                [ "$asked" -gt 0 ] || return 0
                sed "s/^/$sha /" "$work/missing" >"$work/requests"
                rm -f "$work/answers"
                mkfifo "$work/answers"
                "$@" <"$work/requests" >"$work/answers" 2>"$work/words" &
                sender=$!
                receive "$asked" <"$work/answers"
                words=$(tr -s '\r\n' '  ' <"$work/words" | head -c 200)
                kill "$sender" 2>/dev/null || :
                wait "$sender" 2>/dev/null || :
                sender=
                echo "got $source $((asked - left))"
                [ "$left" = 0 ] || echo "passed $source $(sed -n "$((asked - left + 1))p" "$work/missing") $why${words:+ ($words)}"
            }

            """#

    /// One source of ``fetch``.
    ///
    /// - Parameter words: the ssh that leads there.
    static func from(_ number: Int, _ words: [String]) -> String {
        "from \(number) \(ShellQuote.words(words))\n"
    }

    static let finish = "finish\n"

    /// Lets a host fetch: `$1` the file of authorised keys, empty for the user's own, `$2` the mark of its line, `$3` the public
    /// key, `$4` the script ``serve``, `$5` its first argument. The line goes to the front, so that the others stay byte by byte as they are.
    static let admit =
        Self.preamble + #"""
            keys=${1:-$HOME/.ssh/authorized_keys} mark=$2 key=$3
            own_folder
            printf '%s\n' "$4" >"$folder/serve.$$"
            mv -f "$folder/serve.$$" "$folder/serve"
            place=${keys%/*}
            exec 9>"$folder/lock"
            flock 9
            [ -d "$place" ] || { mkdir -m 700 "$place"; : >"$folder/made-keys-folder"; }
            exec 9<"$place"
            flock 9
            keys=$(readlink -f "$keys")
            [ -e "$keys" ] || { : >"$keys"; : >"$folder/made-keys"; }
            line="restrict,command=\"exec /bin/sh $folder/serve $5\" $key $mark"
            ! grep -Fxq -- "$line" "$keys" || exit 0
            new=$(mktemp "$keys.XXXXXX")
            trap 'rm -f "$new"' EXIT
            cp -p "$keys" "$new"
            { printf '%s\n' "$line"; cat "$keys"; } >"$new"
            sync "$new" 2>/dev/null || :
            mv -f "$new" "$keys"
            """#

    /// `$1` folder, `$2` the file of authorised keys as for ``admit``, `$3` the part of marks that all lines of this folder have. Takes
    /// away those lines and nothing else, then the folder. Where the file was made for them it goes as well.
    static let end = #"""
        set -eu
        export LC_ALL=C
        folder=$1 keys=${2:-$HOME/.ssh/authorized_keys}
        place=${keys%/*}
        pattern="^restrict,command=.* $(printf %s "$3" | sed 's/[.]/[.]/g')[A-Za-z0-9._-]*\$"
        # Nothing is written, and no lock taken, where there is nothing to take back: a disk may be full.
        if [ -e "$keys" ] && { [ -e "$folder/made-keys" ] || grep -q -e "$pattern" "$keys"; }; then
            exec 9<"$place"
            flock 9
            keys=$(readlink -f "$keys")
            if grep -q -e "$pattern" "$keys"; then
                new=$(mktemp "$keys.XXXXXX")
                trap 'rm -f "$new"' EXIT
                cp -p "$keys" "$new"
                sed "/$pattern/d" "$keys" >"$new"
                sync "$new" 2>/dev/null || :
                mv -f "$new" "$keys"
            fi
            if [ -e "$folder/made-keys" ] && [ ! -s "$keys" ]; then rm -f "$keys"; fi
        fi
        if [ -e "$folder/made-keys-folder" ]; then rmdir -- "$place" 2>/dev/null || :; fi
        rm -rf -- "$folder"
        """#

    /// The only thing that a key of ``admit`` is good for. Reads requests of 74 bytes, `SHA-256 chunk`, and answers them one after the
    /// other, from files of its own folder alone. A request of any other form ends it.
    ///
    /// A chunk that is not there yet is waited for, and said to be every two seconds, as long as somebody on this host is fetching,
    /// and `$1` times more, because between two ways of fetching there is nobody, and before the first one.
    static let serve = #"""
        set -u
        export LC_ALL=C
        folder=${0%/*}
        tell() { printf '%s %s %08d\n' "$1" "$number" "$2" || exit 0; }
        while request=$(head -c 74) && [ -n "$request" ]; do
            sha=${request%% *} number=${request#* }
            case $sha in *[!0-9a-f]*) exit 64 ;; esac
            case $number in *[!0-9]*) exit 64 ;; esac
            [ "${#sha}" = 64 ] && [ "${#number}" = 8 ] || exit 64
            place=$folder/$sha
            index=$((1$number - 100000000))
            looks=0 alone=0
            until [ -e "$place/shape" ] && { [ -e "$place/have/$number" ] || [ -e "$place/complete" ]; }; do
                sleep 0.05
                looks=$((looks + 1))
                [ "$((looks % 40))" = 0 ] || continue
                fetcher=$(cat "$place/fetcher" 2>/dev/null) || fetcher=
                if [ -n "$fetcher" ] && kill -0 "$fetcher" 2>/dev/null; then alone=0; else alone=$((alone + 1)); fi
                [ "$alone" -lt "$1" ] || { tell never 0; exit 0; }
                tell later 0
            done
            { read -r size chunk count <"$place/shape"; } 2>/dev/null || exit 1
            [ "$index" -lt "$count" ] || exit 64
            length=$chunk
            [ "$index" -ne "$((count - 1))" ] || length=$((size - index * chunk))
            tell chunk "$length"
            dd if="$place/data" bs="$chunk" skip="$index" count=1 2>/dev/null || exit 1
        done
        exit 0
        """#
}
