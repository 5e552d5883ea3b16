package dev.muser.client.nvme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.muser.client.Edu;
import dev.muser.client.PciFunction;
import org.junit.jupiter.api.Test;

/** NVMe base 1.4, 4.3. */
class PrpListTest {
    private static final int PAGE = 4096;

    @Test
    void shouldDescribeUpToTwoPagesWithoutAList() {
        with(
                1,
                list -> {
                    assertThat(list.set(0x10000, 512).prp1()).isEqualTo(0x10000);
                    assertThat(list.prp2()).isZero();
                    assertThat(list.set(0x10e00, 512).prp2()).isZero();
                    assertThat(list.set(0x10e00, 513).prp1()).isEqualTo(0x10e00);
                    assertThat(list.prp2()).isEqualTo(0x11000);
                    assertThat(list.set(0x10000, 8192).prp2()).isEqualTo(0x11000);
                });
    }

    @Test
    void shouldListTheThirdPageAndMore() {
        with(
                1,
                list -> {
                    assertThat(list.set(0x10004, 8192).prp1()).isEqualTo(0x10004);
                    assertThat(list.prp2()).isEqualTo(list.iova());
                    assertThat(list.entry(0)).isEqualTo(0x11000);
                    assertThat(list.entry(1)).isEqualTo(0x12000);
                });
    }

    @Test
    void shouldFillAPageBeforeItChains() {
        with(
                2,
                list -> {
                    list.set(0x1000000, 513L * PAGE);
                    assertThat(list.entry(511))
                            .as("data: nothing remains")
                            .isEqualTo(0x1000000 + 512 * PAGE);

                    list.set(0x1000000, 514L * PAGE);
                    assertThat(list.entry(510)).isEqualTo(0x1000000 + 511 * PAGE);
                    assertThat(list.entry(511)).as("the chain").isEqualTo(list.iova() + PAGE);
                    assertThat(list.entry(512)).isEqualTo(0x1000000 + 512 * PAGE);
                    assertThat(list.entry(513)).isEqualTo(0x1000000 + 513 * PAGE);
                });
    }

    @Test
    void shouldKnowHowManyListPagesATransferMayNeed() {
        assertThat(PrpList.pagesFor(PAGE, PAGE)).isZero();
        assertThat(PrpList.pagesFor(PAGE + 1, PAGE)).isEqualTo(1);
        assertThat(PrpList.pagesFor(512L * PAGE, PAGE)).isEqualTo(1);
        assertThat(PrpList.pagesFor(513L * PAGE, PAGE)).isEqualTo(2);
        assertThat(PrpList.pagesFor(1023L * PAGE, PAGE)).isEqualTo(2);
        assertThat(PrpList.pagesFor(1024L * PAGE, PAGE)).isEqualTo(3);
        for (int pages : new int[] {512, 513, 1023, 1024, 4000}) {
            long length = (long) pages * PAGE;
            with(
                    PrpList.pagesFor(length, PAGE),
                    list -> assertThat(list.set(0x10000ffc, length).prp2()).isEqualTo(list.iova()));
        }
    }

    @Test
    void shouldDescribePiecesAsTheyAre() {
        with(
                1,
                list -> {
                    list.begin().add(0x10800, 0x800).add(0x50000, PAGE).add(0x20000, 100).end();
                    assertThat(list.prp1()).isEqualTo(0x10800);
                    assertThat(list.entry(0)).isEqualTo(0x50000);
                    assertThat(list.entry(1)).isEqualTo(0x20000);
                });
    }

    @Test
    void shouldSayWhenTheListIsTooShort() {
        with(
                1,
                list ->
                        assertThatThrownBy(() -> list.set(0x1000000, 600L * PAGE))
                                .isInstanceOf(IllegalArgumentException.class)
                                .hasMessageContaining("do not fit into 1 list pages"));
    }

    private interface Check {
        void accept(PrpList list);
    }

    private static void with(int pages, Check check) {
        try (var function = new PciFunction(new Edu(0x11e8, true))) {
            var buffer = function.dma().allocate((pages + 1L) * PAGE);
            check.accept(new PrpList(buffer, PAGE, pages, PAGE));
        }
    }
}
