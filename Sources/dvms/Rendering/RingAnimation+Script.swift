extension RingAnimation {
    /// Shows the ring at the instant of the slider, and lets the slider go on while it plays. `<` and `&` are not in it, so
    /// that the page is XML as well as HTML.
    static let script: Markup = """

        "use strict";
        const course = JSON.parse(document.getElementById("course").textContent);
        const dots = Array.from(document.querySelectorAll("#ring circle.node"));
        const flights = document.getElementById("flights");
        const slider = document.getElementById("instant");
        const button = document.getElementById("play");
        const end = Number(slider.max);
        const centre = document.getElementById("ring").viewBox.baseVal.width / 2;
        let instant = 0;
        let frame = null;

        // An event is [began, ended, node] of a violation, [began, ended, from, to, failed] of a migration.
        const isViolation = event => event.length === 3;

        const place = node => ["cx", "cy"].map(key => Number(dots[node].getAttribute(key)));

        function add(name, attributes) {
            const element = document.createElementNS("http://www.w3.org/2000/svg", name);
            for (const key of Object.keys(attributes)) element.setAttribute(key, attributes[key]);
            flights.append(element);
        }

        // Bent towards the centre, so that a guest that goes to the next node is seen as well.
        function draw([began, ended, from, to, failed]) {
            const start = place(from);
            const goal = place(to);
            const bend = start.map((value, axis) => centre + ((value + goal[axis]) / 2 - centre) * 0.6);
            const share = (instant - began) / (ended - began);
            const between = (one, other) => one.map((value, axis) => value + (other[axis] - value) * share);
            const [cx, cy] = between(between(start, bend), between(bend, goal));
            add("path", {class: failed ? "flight failing" : "flight", d: `M${start} Q${bend} ${goal}`});
            add("circle", {class: "guest", cx, cy, r: 4});
        }

        function show() {
            const current = course.events.filter(([began, ended]) => instant >= began ? ended > instant : false);
            const violations = current.filter(isViolation);
            const migrations = current.filter(event => !isViolation(event));
            const violated = new Set(violations.map(event => event[2]));
            dots.forEach((dot, node) => dot.classList.toggle("violated", violated.has(node)));
            flights.replaceChildren();
            migrations.forEach(draw);
            slider.value = instant;
            const seconds = (instant / 1000).toLocaleString("en", {minimumFractionDigits: 1, maximumFractionDigits: 1});
            document.getElementById("now").textContent =
                `${seconds} s: nodes in violation ${violated.size}, migrations under way ${migrations.length}`;
        }

        function pause() {
            cancelAnimationFrame(frame);
            frame = null;
            button.textContent = "Play";
        }

        function play(before) {
            frame = requestAnimationFrame(now => {
                instant = Math.min(end, instant + (now - before) * course.pace);
                show();
                if (instant === end) pause();
                else play(now);
            });
        }

        button.addEventListener("click", () => {
            if (frame !== null) return pause();
            if (instant === end) instant = 0;
            button.textContent = "Pause";
            play(performance.now());
        });
        slider.addEventListener("input", () => {
            instant = Number(slider.value);
            show();
        });
        show();

        """
}
