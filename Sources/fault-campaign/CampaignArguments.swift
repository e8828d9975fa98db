import ArgumentParser

/// A number of nodes, or a range to draw one from.
struct NodeRange: ExpressibleByArgument, CustomStringConvertible {
    var bounds: ClosedRange<Int>

    init(_ bounds: ClosedRange<Int>) {
        self.bounds = bounds
    }

    init?(argument: String) {
        let ends = argument.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(ends.count), let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last
        else { return nil }
        self.bounds = first...last
    }

    var description: String {
        self.bounds.count == 1
            ? "\(self.bounds.lowerBound)" : "\(self.bounds.lowerBound)-\(self.bounds.upperBound)"
    }

    var defaultValueDescription: String { self.description }
}

/// Numbers with commas between them.
struct PartNumbers: ExpressibleByArgument, CustomStringConvertible {
    var numbers: [Int]

    init(_ numbers: [Int]) {
        self.numbers = numbers
    }

    init?(argument: String) {
        let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard numbers.allSatisfy({ $0.map { $0 >= 0 } ?? false }) else { return nil }
        self.numbers = numbers.compactMap(\.self)
    }

    var description: String { self.numbers.map(String.init).joined(separator: ",") }
}
