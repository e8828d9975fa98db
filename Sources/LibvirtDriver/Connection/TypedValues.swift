#if Libvirt
    import CLibvirt

    /// The numbers and texts among libvirt's typed parameters, by field name.
    ///
    /// libvirt says which fields a version gives; a reader asks for what it wants and lives with nil. A negative or
    /// fractional number is left out: no field that is read here has one.
    struct TypedValues {
        private var numbers: [String: UInt64] = [:]
        private var texts: [String: String] = [:]

        init(_ parameters: virTypedParameterPtr?, count: Int32) {
            guard let parameters else { return }
            for index in 0..<Int(max(0, count)) {
                self.add(parameters[index])
            }
        }

        subscript(field: String) -> UInt64? { self.numbers[field] }

        func text(_ field: String) -> String? { self.texts[field] }

        private mutating func add(_ parameter: virTypedParameter) {
            let field = withUnsafeBytes(of: parameter.field) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            switch virTypedParameterType(UInt32(bitPattern: parameter.type)) {
            case VIR_TYPED_PARAM_INT: self.numbers[field] = UInt64(exactly: parameter.value.i)
            case VIR_TYPED_PARAM_UINT: self.numbers[field] = UInt64(parameter.value.ui)
            case VIR_TYPED_PARAM_LLONG: self.numbers[field] = UInt64(exactly: parameter.value.l)
            case VIR_TYPED_PARAM_ULLONG: self.numbers[field] = UInt64(parameter.value.ul)
            case VIR_TYPED_PARAM_STRING: self.texts[field] = parameter.value.s.map { String(cString: $0) }
            default: break
            }
        }
    }

    /// Parameters handed to libvirt. A class because it owns memory that libvirt grows.
    final class TypedParameters {
        private(set) var pointer: virTypedParameterPtr?
        private(set) var count: Int32 = 0
        private var allocated: Int32 = 0

        func add(_ field: String, _ value: UInt64) throws(LibvirtCallError) {
            try checked(virTypedParamsAddULLong(&self.pointer, &self.count, &self.allocated, field, value))
        }

        /// A field of which there may be several is added several times.
        func add(_ field: String, _ value: String) throws(LibvirtCallError) {
            try checked(virTypedParamsAddString(&self.pointer, &self.count, &self.allocated, field, value))
        }

        deinit {
            virTypedParamsFree(self.pointer, self.count)
        }
    }
#endif
