/// Rows under headings, in columns two blanks apart. The last column may be as long as it likes: nothing is wrapped.
package struct TextTable: Sendable {
    package struct Column: Sendable {
        var heading: String
        var isRightAligned: Bool

        /// Text, aligned at its left.
        package static func left(_ heading: String) -> Column { Column(heading: heading, isRightAligned: false) }
        /// Numbers, aligned at their right.
        package static func right(_ heading: String) -> Column { Column(heading: heading, isRightAligned: true) }
    }

    private let columns: [Column]
    private var rows: [[String]] = []

    package init(_ columns: Column...) {
        self.columns = columns
    }

    package mutating func add(_ cells: String...) {
        precondition(cells.count == self.columns.count, "a row has a cell for each column")
        self.rows.append(cells.map(\.onOneLine))
    }

    /// The heading and the rows, each on a line, without a newline at the end.
    package var text: String {
        let lines = [self.columns.map(\.heading)] + self.rows
        let widths = self.columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { cells in
            var line = ""
            for (column, cell) in cells.enumerated() {
                let blanks = String(repeating: " ", count: widths[column] - cell.count)
                line += self.columns[column].isRightAligned ? blanks + cell : cell + blanks
                line += "  "
            }
            return String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }
}

/// Lines that each begin with what they are about.
struct LabelledLines {
    private static let labelWidth = 13
    private(set) var text = ""

    mutating func add(_ label: String, _ value: String) {
        let line = label.padded(to: Self.labelWidth) + "  " + value.onOneLine
        self.text += self.text.isEmpty ? line : "\n" + line
    }

    /// Lines that go on with what the last one began.
    mutating func goOn(_ lines: String) {
        self.text += "\n" + lines.indented(by: Self.labelWidth + 2)
    }
}
