# FILE: what a shared object is and asks for, as JSON.
import json
import sys

import lief


def elf(file):
    versions = {
        symbol.name for library in file.symbols_version_requirement for symbol in library.get_auxiliary_symbols()
    }
    return {
        "format": "ELF",
        "machine": file.header.machine_type.name,
        "needs": list(file.libraries),
        "versions": sorted(versions),
        "exports": [symbol.name for symbol in file.exported_symbols],
    }


def pe(file):
    return {
        "format": "PE",
        "machine": file.header.machine.name,
        "needs": [library.name for library in file.imports],
        "versions": [],
        "exports": [entry.name for entry in file.get_export().entries],
    }


def macho(file):
    minimum = file.build_version.minos if file.has_build_version else file.version_min.version
    return {
        "format": "MACHO",
        "machine": file.header.cpu_type.name,
        "needs": [library.name for library in file.libraries],
        "versions": ["MACOS_" + ".".join(map(str, minimum))],
        "exports": [symbol.name.removeprefix("_") for symbol in file.exported_symbols],
        "signed": file.has_code_signature,
    }


lief.logging.disable()
parsed = lief.parse(sys.argv[1])
readers = {lief.ELF.Binary: elf, lief.PE.Binary: pe, lief.MachO.Binary: macho}
if type(parsed) not in readers:
    sys.exit(f"{sys.argv[1]} is no shared object")
print(json.dumps(readers[type(parsed)](parsed)))
