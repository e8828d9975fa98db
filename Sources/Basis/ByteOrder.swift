extension String {
    /// Whether this text comes before `other` in the order of their UTF-8 bytes, which is the same on every machine.
    ///
    /// Both are looked at as one run of bytes each: character by character costs several times as much, and solvers sort
    /// names by the thousand.
    package func precedes(_ other: String) -> Bool {
        var (left, right) = (self, other)
        return left.withUTF8 { left in
            right.withUTF8 { right in
                for index in 0..<min(left.count, right.count) where left[index] != right[index] {
                    return left[index] < right[index]
                }
                return left.count < right.count
            }
        }
    }
}
