extension SimulationPage {
    /// Colours after Okabe and Ito, which most eyes tell apart; what matters is told by shape or place as well.
    static let style: Markup = """

        :root {
            color-scheme: light dark;
            --paper: #ffffff; --ink: #1b1b1b; --faint: #595959; --grid: #dedede; --lane: #f3f3f3;
            --line: #0072b2; --violation: #d55e00; --departure: #5a5a5a; --node: #b5b5b5;
        }
        @media (prefers-color-scheme: dark) {
            :root {
                --paper: #15171a; --ink: #ececec; --faint: #a9adb3; --grid: #363a40; --lane: #1f2226;
                --line: #56b4e9; --violation: #f58434; --departure: #c4c4c4; --node: #5c626a;
            }
        }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
        main { max-width: 900px; margin: 0 auto; padding: 24px 16px 48px; }
        h1 { font-size: 1.5rem; margin: 0 0 12px; }
        h2 { font-size: 1.05rem; margin: 0; }
        table { border-collapse: collapse; }
        th, td { padding: 3px 24px 3px 0; border-bottom: 1px solid var(--grid); text-align: left; vertical-align: top; }
        th { font-weight: normal; color: var(--faint); }
        td { font-variant-numeric: tabular-nums; }
        figure { margin: 36px 0 0; overflow-x: auto; }
        figcaption p { margin: 2px 0 6px; color: var(--faint); }
        .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); column-gap: 20px; }
        svg { display: block; width: 100%; height: auto; }
        main > figure > svg { min-width: 640px; }
        text { fill: var(--ink); font: 11px system-ui, sans-serif; }
        text.tick { fill: var(--faint); }
        path { fill: none; }
        .grid { stroke: var(--grid); }
        .axis { stroke: var(--faint); }
        .line { stroke: var(--line); stroke-width: 1.5; }
        .bar { fill: var(--line); }
        .cross { stroke: var(--violation); stroke-width: 2; }
        .lane { fill: var(--lane); fill-opacity: 0.6; }
        .row:hover .lane { fill: var(--grid); }
        .violation { stroke: var(--violation); stroke-width: 8; }
        .arrival { stroke: var(--line); stroke-width: 1.5; }
        .departure { stroke: var(--departure); stroke-width: 1.5; }
        main > figure > svg#ring { min-width: 330px; max-width: 640px; margin: 0 auto; }
        .node { fill: var(--node); }
        .node.violated { fill: var(--violation); stroke: var(--violation); stroke-width: 5; }
        .flight { stroke: var(--line); stroke-width: 1.5; }
        .flight.failing { stroke-dasharray: 5 4; }
        .guest { fill: var(--line); }
        .key .arrival, .key .departure { stroke-width: 3; }
        .key { display: inline-block; width: 1.7em; height: 0.9em; vertical-align: -0.1em; }
        .player { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; }
        .player input { flex: 1 1 260px; accent-color: var(--line); }
        .player button { width: 5.5em; padding: 4px 0; font: inherit; }
        .player output { flex-basis: 100%; color: var(--faint); font-variant-numeric: tabular-nums; }

        """
}
