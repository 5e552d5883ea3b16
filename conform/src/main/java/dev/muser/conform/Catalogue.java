package dev.muser.conform;

import java.util.List;
import java.util.stream.Stream;

/** All cases, in the order of the specification. */
final class Catalogue {
    private static final List<Case> CASES =
            Stream.of(
                            HeaderCases.section(),
                            StreamCases.section(),
                            DescriptorCases.section(),
                            VersionCases.section(),
                            DmaMapCases.section(),
                            DmaUnmapCases.section(),
                            InfoCases.section(),
                            RegionInfoCases.section(),
                            RegionIoFdsCases.section(),
                            IrqInfoCases.section(),
                            SetIrqsCases.section(),
                            RegionReadCases.section(),
                            RegionWriteCases.section(),
                            ResetCases.section(),
                            WriteMultiCases.section(),
                            FeatureCases.section(),
                            MigrationCases.section(),
                            DmaLoggingCases.section(),
                            DisconnectionCases.section())
                    .flatMap(section -> section.cases().stream())
                    .toList();

    private Catalogue() {}

    static List<Case> cases() {
        return CASES;
    }
}
